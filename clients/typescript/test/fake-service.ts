import type { TokenPair } from 'groundwork-client';

export const BASE_URL = 'http://service.test';

export const ADA = {
  id: 1,
  email: 'ada@example.com',
  full_name: 'Ada Lovelace',
  is_active: true,
  is_superuser: false,
  role: 'user',
  is_verified: false,
  created_at: '2026-01-31T09:30:00Z',
  updated_at: '2026-01-31T09:30:00Z',
};

export function json(status: number, body: object, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { 'Content-Type': 'application/json', ...headers } });
}

export function failure(status: number, error: string, headers: Record<string, string> = {}): Response {
  return json(status, { success: false, error, message: 'No.', request_id: 'r1' }, headers);
}

export function tokens(generation: number): TokenPair {
  return {
    access_token: `access-${generation}`,
    refresh_token: `refresh-${generation}`,
    token_type: 'bearer',
    expires_in: 1800,
  };
}

/**
 * The part of the service that sessions need. It accepts only the newest tokens, whose number is
 * `generation`.
 */
export class FakeService {
  generation = 1;
  /** The received requests, such as `POST /api/v1/auth/refresh`. */
  readonly requests: string[] = [];
  /** Replace the service's responses to refreshes, one each. */
  readonly refreshAnswers: (() => Response | Promise<Response>)[] = [];
  lastBody = '';

  readonly fetch = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    this.requests.push(`${request.method} ${pathname}`);
    this.lastBody = await request.text();
    switch (pathname) {
      case '/api/v1/auth/login':
        return json(200, tokens(this.generation));
      case '/api/v1/auth/refresh':
        return (this.refreshAnswers.shift() ?? (() => this.#refresh()))();
      case '/api/v1/auth/logout':
        return this.#asUser(request, () => new Response(null, { status: 204 }));
      default:
        return this.#asUser(request, () => json(200, ADA));
    }
  };

  count(request: string): number {
    return this.requests.filter((each) => each === request).length;
  }

  /** Invalidates the current access token, and not the refresh token. */
  expire(): void {
    this.generation += 1;
  }

  #refresh(): Response {
    const { refresh_token } = JSON.parse(this.lastBody) as { refresh_token: string };
    const isNewest = refresh_token === `refresh-${this.generation - 1}`;
    return isNewest ? json(200, tokens(this.generation)) : failure(401, 'invalid_token');
  }

  #asUser(request: Request, answer: () => Response): Response {
    const token = request.headers.get('Authorization');
    if (token === null) return failure(401, 'unauthorized');
    return token === `Bearer access-${this.generation}` ? answer() : failure(401, 'invalid_token');
  }
}
