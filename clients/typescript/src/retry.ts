/** What the client sends requests with. */
export type Fetch = (request: Request) => Promise<Response>;

/** A request that is about to be sent again. The path has no query, because filters may name people. */
export interface Retry {
  method: string;
  path: string;
  /** The status of the answer that made it necessary. */
  status: number;
  /** How long the client waits before. */
  seconds: number;
}

const MAX_RETRIES = 3;
const MAX_WAIT_SECONDS = 60;
const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE'];

/** `fetch` that sends a request again when the service asks for it, after as long as `Retry-After` says. */
export function withRetries(fetch: Fetch, onRetry?: (retry: Retry) => void): Fetch {
  return async (request) => {
    for (let retries = 0; ; retries += 1) {
      // A body can be sent once: each attempt sends a copy.
      const response = await fetch(request.clone());
      if (retries === MAX_RETRIES || !mayRepeat(request, response)) return response;
      const seconds = retryAfter(response) ?? 2 ** retries;
      if (seconds > MAX_WAIT_SECONDS) return response;
      await response.body?.cancel();
      onRetry?.({ method: request.method, path: new URL(request.url).pathname, status: response.status, seconds });
      await wait(seconds, request.signal);
    }
  };
}

/** A request that was refused for its rate did nothing; one that met an unavailable service may have. */
function mayRepeat(request: Request, response: Response): boolean {
  return response.status === 429 || (response.status === 503 && IDEMPOTENT.includes(request.method));
}

/** The seconds of `Retry-After`, which is a number of them or a date (RFC 9110, 10.2.3). */
function retryAfter(response: Response): number | undefined {
  const value = response.headers.get('Retry-After');
  if (value === null) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.max(seconds, 0);
}

function wait(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, seconds * 1000);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
}
