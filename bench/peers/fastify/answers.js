// The one error body.

import { randomBytes } from 'node:crypto'

export const Problem = {
  malformed: [400, 'malformed_request', 'The request is not well-formed.'],
  unauthorized: [401, 'unauthorized', 'A bearer token is required.'],
  invalidToken: [401, 'invalid_token', 'The token is invalid or has expired.'],
  invalidCredentials: [401, 'invalid_credentials', 'The email or the password is wrong.'],
  forbidden: [403, 'forbidden', 'This needs superuser rights.'],
  notFound: [404, 'not_found', 'There is nothing here.'],
  validation: [422, 'validation_error', 'Some values are not valid.'],
  rateLimited: [429, 'rate_limited', 'There were too many requests; try again later.'],
  internal: [500, 'internal_error', 'Something went wrong on our side.']
}

export const errorBody = {
  type: 'object',
  properties: {
    success: { type: 'boolean' },
    error: { type: 'string' },
    message: { type: 'string' },
    request_id: { type: 'string' }
  }
}

export function refuse (reply, problem) {
  const [status, error, message] = problem
  if (problem === Problem.invalidToken) reply.header('www-authenticate', 'Bearer error="invalid_token"')
  else if (status === 401) reply.header('www-authenticate', 'Bearer')
  else if (status === 429) reply.header('retry-after', '60')
  const body = { success: false, error, message, request_id: randomBytes(16).toString('hex') }
  return reply.code(status).send(body)
}
