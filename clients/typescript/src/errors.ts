import type { ErrorBody, ErrorCode, ErrorDetails, FieldProblem } from './generated/schema.js';

/**
 * A code that this version of the client does not know, because the service is newer: handle it by its status.
 * `& {}` keeps the known codes apart from it, so that editors offer them and a `switch` over them needs its `default`.
 */
export type UnknownErrorCode = string & {};

/** The body of an error, with room for codes of newer services. */
export type ApiFailure = Omit<ErrorBody, 'error'> & { error: ErrorCode | UnknownErrorCode };

/** What a call resolves to: either `data`, or the `error` that the service answered with. */
export type Result<Data> =
  | { data: Data; error?: never; response: Response }
  | { data?: never; error: ApiFailure; response: Response };

/** An answer that is not a success, as an exception. */
export class GroundworkError extends Error {
  override readonly name = 'GroundworkError';
  /** The HTTP status. */
  readonly status: number;
  /** Why it failed; undefined if the answer did not come from the service, but from a proxy on the way. */
  readonly code: ErrorCode | UnknownErrorCode | undefined;
  /** More about the problem, where there is more to say. */
  readonly details: ErrorDetails;
  /** Names the request in the service's logs. */
  readonly requestId: string | undefined;

  constructor(response: Response, failure?: ApiFailure) {
    super(failure ? `${failure.message} (${failure.error})` : `The answer is not the service's (${response.status})`);
    this.status = response.status;
    this.code = failure?.error;
    this.details = failure?.details ?? {};
    this.requestId = failure?.request_id;
  }

  /** With `validation_error`: every value that breaks a rule. */
  get fields(): FieldProblem[] {
    return this.details.fields ?? [];
  }
}

/** The data of a successful call; throws a {@link GroundworkError} if the service answered with an error. */
export async function unwrap<Data>(call: Promise<Result<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (error) throw new GroundworkError(response, error);
  // Without an error there is data, but TypeScript does not see that of `undefined`, the data of a 204.
  return data as Data;
}

/** The error that a response carries; undefined for a success and for what a proxy answered. Leaves the body unread. */
export async function readFailure(response: Response): Promise<ApiFailure | undefined> {
  if (response.ok) return undefined;
  try {
    const body: unknown = await response.clone().json();
    return isFailure(body) ? body : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isFailure(body: unknown): body is ApiFailure {
  return typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'string';
}
