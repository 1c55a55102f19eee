import { type Api, createApi } from './api.js';
import { Resources } from './generated/resources.js';
import type { LoginRequest } from './generated/schema.js';
import { Session, type SessionOptions } from './session.js';

/** The service without a session, for operations that need none and to open sessions. */
export class Groundwork extends Resources {
  /** The operations by method and path. */
  readonly api: Api;
  readonly #options: SessionOptions;

  constructor(options: SessionOptions) {
    const api = createApi(options);
    super(api);
    this.api = api;
    this.#options = options;
  }

  /** Opens a session with `auth_login`. */
  login(credentials: LoginRequest): Promise<Session> {
    return Session.login(this.#options, credentials);
  }
}
