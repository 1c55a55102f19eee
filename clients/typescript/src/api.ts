import createClient, { type FetchOptions, type FetchResponse } from 'openapi-fetch';
import { GroundworkError, readFailure, type Result } from './errors.js';
import type { paths } from './generated/schema.js';
import { type Fetch, type Retry, withRetries } from './retry.js';

export interface ApiOptions {
  /** Where the service is, such as `https://api.example.com`. */
  baseUrl: string;
  /** Sends the requests; the global `fetch` if it is not given. */
  fetch?: Fetch;
  /** Called before a request is sent again, because the service was busy. */
  onRetry?: (retry: Retry) => void;
}

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: object }> ? P : never;
}[keyof paths];

type Data<Operation> =
  Operation extends Record<string, unknown>
    ? Extract<FetchResponse<Operation, object, 'application/json'>, { data: unknown }>['data']
    : never;

type Arguments<Options> = object extends Options ? [options?: Options] : [options: Options];

type Call<M extends Method> = <P extends PathOf<M>>(
  path: P,
  ...options: Arguments<FetchOptions<paths[P][M]>>
) => Promise<Result<Data<paths[P][M]>>>;

/**
 * A function a method; the path and the method say which operation. Its types are stricter than those of openapi-fetch:
 * a misspelt filter or field, which would be let through there and ignored by the service, does not compile.
 */
export interface Api {
  GET: Call<'get'>;
  POST: Call<'post'>;
  PUT: Call<'put'>;
  PATCH: Call<'patch'>;
  DELETE: Call<'delete'>;
}

/** The operations without a session, for those that need none, such as `auth_register`. */
export function createApi(options: ApiOptions): Api {
  return apiOver(options.baseUrl, sender(options));
}

/** The bottom of every call: `fetch` with retries. */
export function sender({ fetch, onRetry }: ApiOptions): Fetch {
  // Wrapped, because browsers want their fetch to be called as a function of the window.
  return withRetries(fetch ?? ((request) => globalThis.fetch(request)), onRetry);
}

/** The typed calls over anything that answers requests. */
export function apiOver(baseUrl: string, fetch: Fetch): Api {
  const client = createClient<paths>({
    baseUrl,
    fetch: async (request) => {
      const response = await fetch(request);
      // So that `error` is always what its type says.
      if (!response.ok && !(await readFailure(response))) throw new GroundworkError(response);
      return response;
    },
  });
  return client as Api;
}
