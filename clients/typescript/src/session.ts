import { type Api, type ApiOptions, apiOver, createApi, sender } from './api.js';
import { GroundworkError, readFailure, unwrap } from './errors.js';
import { Resources } from './generated/resources.js';
import type { LoginRequest, TokenPair } from './generated/schema.js';
import type { Fetch } from './retry.js';

export interface SessionOptions extends ApiOptions {
  /** Called after the refresh token was exchanged. {@link Session.tokens} are the new ones. */
  onRefresh?: () => void;
}

/**
 * The session of a logged-in user. Its calls, such as `session.users.me()`, send the access token,
 * which is renewed when it has expired.
 */
export class Session extends Resources {
  /** The operations by method and path, called as this user. */
  readonly api: Api;

  // Private at run time (`#`), so that neither a log line nor the JSON of a session contains them.
  readonly #anonymous: Api;
  readonly #fetch: Fetch;
  readonly #onRefresh: (() => void) | undefined;
  #tokens: TokenPair | undefined;
  #renewal: Promise<void> | undefined;

  /** Opens a session with `auth_login`. */
  static async login(options: SessionOptions, credentials: LoginRequest): Promise<Session> {
    return new Session(options, await unwrap(createApi(options).POST('/api/v1/auth/login', { body: credentials })));
  }

  /**
   * Resumes a session from stored {@link Session.tokens}. Only one object may use them: a refresh
   * token can be used once.
   */
  constructor(options: SessionOptions, tokens: TokenPair) {
    const api = apiOver(options.baseUrl, (request) => this.#send(request));
    super(api);
    this.api = api;
    this.#anonymous = createApi(options);
    this.#fetch = sender(options);
    this.#onRefresh = options.onRefresh;
    this.#tokens = tokens;
  }

  /**
   * The current tokens; undefined when the session is over. Store them where only the user can read
   * them.
   */
  get tokens(): TokenPair | undefined {
    return this.#tokens;
  }

  /** Ends the session. Does nothing if it is over already. */
  async logout(): Promise<void> {
    const { error, response } = await this.api.POST('/api/v1/auth/logout');
    if (error && response.status !== 401) throw new GroundworkError(response, error);
    this.#tokens = undefined;
  }

  async #send(request: Request): Promise<Response> {
    const tokens = this.#tokens;
    const response = await this.#fetch(authorised(request, tokens?.access_token));
    if (!tokens || response.status !== 401 || (await readFailure(response))?.error !== 'invalid_token') return response;
    await this.#renew(tokens);
    return this.#tokens ? this.#fetch(authorised(request, this.#tokens.access_token)) : response;
  }

  /** Replaces refused tokens once, however many calls were refused. */
  async #renew(refused: TokenPair): Promise<void> {
    if (this.#tokens !== refused) return;
    this.#renewal ??= this.#exchange(refused).finally(() => {
      this.#renewal = undefined;
    });
    await this.#renewal;
  }

  async #exchange(spent: TokenPair): Promise<void> {
    const refresh = () =>
      this.#anonymous.POST('/api/v1/auth/refresh', { body: { refresh_token: spent.refresh_token } });
    // If the response was lost, the service repeats it until a token of the new pair is used.
    const { data, error, response } = await refresh().catch(refresh);
    // The session was ended meanwhile, and the new tokens belong to it.
    if (this.#tokens !== spent) return;
    if (error && response.status !== 401) throw new GroundworkError(response, error);
    this.#tokens = data;
    if (data) this.#onRefresh?.();
  }
}

/** The request with a bearer token, if there is one. */
export function authorised(request: Request, token: string | undefined): Request {
  const copy = request.clone();
  if (token !== undefined) copy.headers.set('Authorization', `Bearer ${token}`);
  return copy;
}
