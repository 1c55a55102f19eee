// Access and refresh tokens.

import { createSigner, createVerifier } from 'fast-jwt'
import { createHash, randomBytes } from 'node:crypto'

const ACCESS_SECONDS = 30 * 60
export const REFRESH_SECONDS = 7 * 24 * 3600
const LEEWAY_SECONDS = 5

function digest (purpose, text) {
  return createHash('sha256').update(`${purpose}\0${text}`).digest()
}

function derived (purpose, id) {
  return digest(purpose, id).subarray(0, 16).toString('base64url')
}

// A new id of a refresh token.
export const randomId = () => randomBytes(16).toString('base64url')

// The id of the one refresh token that follows this one.
export const successorOf = (id) => derived('groundwork successor', id)

// What the database keeps instead of a refresh token.
export const hashOf = (id) => digest('groundwork token', id)

export class Tokens {
  #kid
  #sign
  #verify

  constructor (key) {
    this.#kid = digest('groundwork key id', key).subarray(0, 6).toString('base64url')
    this.#sign = createSigner({ key, algorithm: 'HS256', kid: this.#kid })
    this.#verify = createVerifier({
      key,
      algorithms: ['HS256'],
      clockTolerance: LEEWAY_SECONDS * 1000,
      requiredClaims: ['sub', 'exp', 'iat', 'jti', 'sid'],
      complete: true,
      // An access token comes many times: its signature is checked the first time, its end always.
      cache: true
    })
  }

  // Who and in which session, or undefined.
  verify (text, kind) {
    let token
    try {
      token = this.#verify(text)
    } catch {
      return undefined
    }
    const { header, payload } = token
    const known = header.kid === undefined || header.kid === this.#kid
    if (payload.type !== kind || !known || payload.iat > Date.now() / 1000 + LEEWAY_SECONDS) return undefined
    return { user: Number(payload.sub), session: Buffer.from(payload.sid, 'base64url'), id: payload.jti }
  }

  // The access token's id follows from the refresh token's.
  pair (user, session, id, issued) {
    const iat = Math.floor(issued / 1000)
    const sign = (type, jti, seconds) => {
      return this.#sign({ sub: String(user), exp: iat + seconds, iat, type, jti, sid: session.toString('base64url') })
    }
    return {
      access_token: sign('access', derived('groundwork access', id), ACCESS_SECONDS),
      refresh_token: sign('refresh', id, REFRESH_SECONDS),
      token_type: 'bearer',
      expires_in: ACCESS_SECONDS
    }
  }
}
