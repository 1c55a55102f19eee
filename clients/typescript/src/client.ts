import { type Api, apiOver, createApi, sender } from './api.js';
import { Resources } from './generated/resources.js';
import type { LoginRequest } from './generated/schema.js';
import { authorised, Session, type SessionOptions } from './session.js';

export interface GroundworkOptions extends SessionOptions {
  /**
   * An API key, `gwk_…`. The calls send it. It needs no session and no refresh; a call that its scopes
   * do not allow fails with `insufficient_scope`.
   */
  apiKey?: string;
}

/** The service without a session, for operations that need none or an API key, and to open sessions. */
export class Groundwork extends Resources {
  /** The operations by method and path. */
  readonly api: Api;
  readonly #options: SessionOptions;

  constructor({ apiKey, ...options }: GroundworkOptions) {
    const send = sender(options);
    const api = apiKey === undefined ? createApi(options) : apiOver(options.baseUrl, (request) => send(authorised(request, apiKey)));
    super(api);
    this.api = api;
    this.#options = options;
  }

  /** Opens a session with `auth_login`. */
  login(credentials: LoginRequest): Promise<Session> {
    return Session.login(this.#options, credentials);
  }
}
