import createClient, { type FetchOptions, type FetchResponse } from 'openapi-fetch';
import { GroundworkError, readFailure, type Result } from './errors.js';
import type { paths } from './generated/schema.js';
import { type Fetch, type Retry, withRetries } from './retry.js';

export interface ApiOptions {
  /** The address of the service, such as `https://api.example.com`. */
  baseUrl: string;
  /** Sends the requests. By default, the global `fetch` does. */
  fetch?: Fetch;
  /** Called before a refused request is sent again. */
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
 * One function per method. The method and the path select the operation. The types are stricter
 * than those of openapi-fetch: a misspelt filter or field, which openapi-fetch would accept, does
 * not compile.
 */
export interface Api {
  GET: Call<'get'>;
  POST: Call<'post'>;
  PUT: Call<'put'>;
  PATCH: Call<'patch'>;
  DELETE: Call<'delete'>;
}

/** A client without a session, for operations that need none, such as `auth_register`. */
export function createApi(options: ApiOptions): Api {
  return apiOver(options.baseUrl, sender(options));
}

/** `fetch` with retries, which every call uses. */
export function sender({ fetch, onRetry }: ApiOptions): Fetch {
  // Wrapped, because browsers require that fetch is called on the window.
  return withRetries(fetch ?? ((request) => globalThis.fetch(request)), onRetry);
}

/** The typed calls over any `fetch`. */
export function apiOver(baseUrl: string, fetch: Fetch): Api {
  const client = createClient<paths>({
    baseUrl,
    fetch: async (request) => {
      const response = await fetch(request);
      // So that `error` always has its declared type.
      if (!response.ok && !(await readFailure(response))) throw new GroundworkError(response);
      return response;
    },
  });
  return client as Api;
}
