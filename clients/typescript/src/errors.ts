import type { ErrorBody, ErrorCode, ErrorDetails, FieldProblem } from './generated/schema.js';

/**
 * A code that this version of the client does not know, because the service is newer. Handle it by
 * its status. `& {}` keeps the known codes as separate types, so that editors suggest them and a
 * `switch` needs a `default`.
 */
export type UnknownErrorCode = string & {};

/** The body of an error, which may have a code of a newer service. */
export type ApiFailure = Omit<ErrorBody, 'error'> & { error: ErrorCode | UnknownErrorCode };

/** The result of a call: either `data`, or the `error` that the service returned. */
export type Result<Data> =
  | { data: Data; error?: never; response: Response }
  | { data?: never; error: ApiFailure; response: Response };

/** An error response as an exception. */
export class GroundworkError extends Error {
  override readonly name = 'GroundworkError';
  /** The HTTP status. */
  readonly status: number;
  /** The error code; undefined if a proxy sent the response. */
  readonly code: ErrorCode | UnknownErrorCode | undefined;
  /** Details of the error, if it has any. */
  readonly details: ErrorDetails;
  /** The id of the request in the service's logs. */
  readonly requestId: string | undefined;

  constructor(response: Response, failure?: ApiFailure) {
    super(failure ? `${failure.message} (${failure.error})` : `The answer is not the service's (${response.status})`);
    this.status = response.status;
    this.code = failure?.error;
    this.details = failure?.details ?? {};
    this.requestId = failure?.request_id;
  }

  /** All invalid fields of a `validation_error`. */
  get fields(): FieldProblem[] {
    return this.details.fields ?? [];
  }
}

/**
 * Returns the data of a successful call, and throws a {@link GroundworkError} if the service
 * returned an error.
 */
export async function unwrap<Data>(call: Promise<Result<Data>>): Promise<Data> {
  const { data, error, response } = await call;
  if (error) throw new GroundworkError(response, error);
  // Without an error there is data. TypeScript does not infer that, because the data of a 204 is
  // `undefined`.
  return data as Data;
}

/**
 * The error in a response; undefined for a success or a proxy's response. Does not consume the
 * body.
 */
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
