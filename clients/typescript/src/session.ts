import { type Api, type ApiOptions, apiOver, createApi, sender } from './api.js';
import { GroundworkError, readFailure, unwrap } from './errors.js';
import type { LoginRequest, TokenPair } from './generated/schema.js';
import type { Fetch } from './retry.js';

export interface SessionOptions extends ApiOptions {
  /** Called when the refresh token was exchanged; {@link Session.tokens} are the new ones. */
  onRefresh?: () => void;
}

/** A logged-in user. Calls of {@link Session.api} carry the access token, which is renewed when it has expired. */
export class Session {
  /** The operations, called as this user. */
  readonly api: Api;

  // Private to the language, not to the compiler: so they are in no log line and no JSON of a session.
  readonly #anonymous: Api;
  readonly #fetch: Fetch;
  readonly #onRefresh: (() => void) | undefined;
  #tokens: TokenPair | undefined;
  #renewal: Promise<void> | undefined;

  /** Opens a session with `auth_login`. */
  static async login(options: SessionOptions, credentials: LoginRequest): Promise<Session> {
    return new Session(options, await unwrap(createApi(options).POST('/api/v1/auth/login', { body: credentials })));
  }

  /** Goes on with a session whose {@link Session.tokens} were kept, by this object alone: a refresh token is good once. */
  constructor(options: SessionOptions, tokens: TokenPair) {
    this.api = apiOver(options.baseUrl, (request) => this.#send(request));
    this.#anonymous = createApi(options);
    this.#fetch = sender(options);
    this.#onRefresh = options.onRefresh;
    this.#tokens = tokens;
  }

  /** The present tokens, to be kept where only the user can read them; undefined when the session is over. */
  get tokens(): TokenPair | undefined {
    return this.#tokens;
  }

  /** Ends the session; no error if it is over already. */
  async logout(): Promise<void> {
    const { error, response } = await this.api.POST('/api/v1/auth/logout');
    if (error && response.status !== 401) throw new GroundworkError(response, error);
    this.#tokens = undefined;
  }

  async #send(request: Request): Promise<Response> {
    const tokens = this.#tokens;
    const response = await this.#fetch(authorised(request, tokens));
    if (!tokens || response.status !== 401 || (await readFailure(response))?.error !== 'invalid_token') return response;
    await this.#renew(tokens);
    return this.#tokens ? this.#fetch(authorised(request, this.#tokens)) : response;
  }

  /** Replaces tokens that were refused, once, however many calls they were refused to. */
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
    // When the answer was lost on the way, the service gives the same one again until a token of it is used.
    const { data, error, response } = await refresh().catch(refresh);
    // Logged out meanwhile: the new tokens belong to a session that is over.
    if (this.#tokens !== spent) return;
    if (error && response.status !== 401) throw new GroundworkError(response, error);
    this.#tokens = data;
    if (data) this.#onRefresh?.();
  }
}

function authorised(request: Request, tokens: TokenPair | undefined): Request {
  const copy = request.clone();
  if (tokens) copy.headers.set('Authorization', `Bearer ${tokens.access_token}`);
  return copy;
}
