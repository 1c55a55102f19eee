/** Sends a request. */
export type Fetch = (request: Request) => Promise<Response>;

/**
 * A request that is about to be sent again. The path has no query, because filters may contain
 * personal data.
 */
export interface Retry {
  method: string;
  path: string;
  /** The status of the refusal: 429 or 503. */
  status: number;
  /** The wait before the retry. */
  seconds: number;
}

const MAX_RETRIES = 3;
const MAX_WAIT_SECONDS = 60;
const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE'];
const IDEMPOTENCY_KEY = 'Idempotency-Key';

/** A new `Idempotency-Key`: a request that is sent again with its key has its effect once. */
export function newKey(): string {
  const bytes = new Uint8Array(16);
  // Not `randomUUID`, which browsers have on encrypted pages only. Node 18 has none of it. A key has
  // to be a new one and is no secret.
  if (typeof crypto === 'undefined') bytes.forEach((_, index) => (bytes[index] = Math.random() * 256));
  else crypto.getRandomValues(bytes);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * A `fetch` that retries a request when the service asks for it, after the wait in `Retry-After`.
 */
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

/**
 * After a 429 nothing was done; after a 503 the request may have been carried out, which an
 * idempotency key makes harmless.
 */
function mayRepeat(request: Request, response: Response): boolean {
  const isIdempotent = IDEMPOTENT.includes(request.method) || request.headers.has(IDEMPOTENCY_KEY);
  return response.status === 429 || (response.status === 503 && isIdempotent);
}

/** Parses `Retry-After`, seconds or a date (RFC 9110, 10.2.3), to seconds. */
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
