// The statements; each has a name, so that a connection prepares it once.

import pg from 'pg'

import { REFRESH_SECONDS } from './tokens.js'

// A Date would lose the microseconds; the connection tells the time in UTC.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) => text.replace(' ', 'T').replace('+00', 'Z'))
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

const COLUMNS = `users.id, users.email, users.password_hash, users.full_name, users.is_active, users.is_superuser,
  users.is_verified, users.created_at, users.updated_at`

const BY_SESSION = {
  name: 'by_session',
  text: `SELECT ${COLUMNS} FROM sessions JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1 AND sessions.user_id = $2 AND sessions.revoked_at IS NULL AND sessions.expires_at > $3`
}
const BY_EMAIL = { name: 'by_email', text: `SELECT ${COLUMNS} FROM users WHERE email = $1` }
const RENAME = {
  name: 'rename',
  text: `UPDATE users SET full_name = $2, updated_at = $3 WHERE id = $1 RETURNING ${COLUMNS}`
}
const PAGE = { name: 'page', text: `SELECT ${COLUMNS} FROM users WHERE id > $1 ORDER BY id LIMIT $2` }
const CONFIRM = {
  name: 'confirm',
  text: 'UPDATE users SET password_hash = $3 WHERE id = $1 AND is_active AND password_hash = $2'
}
const FORGET = { name: 'forget', text: 'DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2' }
const OPEN = {
  name: 'open',
  text: `INSERT INTO sessions
    (id, user_id, token_hash, generation, ip, user_agent, created_at, last_used_at, expires_at)
    VALUES ($1, $2, $3, 0, $4, $5, $6, $6, $7)`
}
const ROTATE = {
  name: 'rotate',
  text: `UPDATE sessions SET previous_token_hash = $3, token_hash = $4, generation = generation + 1, ip = $5,
    user_agent = $6, last_used_at = $7, expires_at = $8
    WHERE id = $1 AND user_id = $2 AND token_hash = $3 AND revoked_at IS NULL AND expires_at > $7
    AND user_id IN (SELECT id FROM users WHERE is_active)`
}

function endOf (usage) {
  return new Date(usage.at.getTime() + REFRESH_SECONDS * 1000)
}

export class Store {
  #pool

  constructor (connectionString, max) {
    this.#pool = new pg.Pool({ connectionString, max, options: '-c TimeZone=UTC' })
    // A connection that breaks while nobody uses it is replaced.
    this.#pool.on('error', () => {})
  }

  close () {
    return this.#pool.end()
  }

  async #rows (statement, ...values) {
    return (await this.#pool.query({ ...statement, values })).rows
  }

  async bySession (session, user) {
    return (await this.#rows(BY_SESSION, session, user, new Date()))[0]
  }

  async byEmail (email) {
    return (await this.#rows(BY_EMAIL, email))[0]
  }

  async rename (id, name) {
    return (await this.#rows(RENAME, id, name, new Date()))[0]
  }

  page (after, limit) {
    return this.#rows(PAGE, after, limit)
  }

  // Opens a session, unless the password was changed or the account closed while its hash was computed.
  async openSession (user, newHash, session, token, usage) {
    const { ip, userAgent, at } = usage
    const client = await this.#pool.connect()
    try {
      await client.query('BEGIN')
      const confirmed = await client.query({ ...CONFIRM, values: [user.id, user.password_hash, newHash] })
      if (confirmed.rowCount === 1) {
        await client.query({ ...FORGET, values: [user.id, at] })
        await client.query({ ...OPEN, values: [session, user.id, token, ip, userAgent, at, endOf(usage)] })
      }
      await client.query('COMMIT')
      client.release()
      return confirmed.rowCount === 1
    } catch (error) {
      // The transaction ends with its connection.
      client.release(error)
      throw error
    }
  }

  // Replaces the newest refresh token by its successor; of any number of racers one succeeds.
  async rotate (session, user, presented, next, usage) {
    const values = [session, user, presented, next, usage.ip, usage.userAgent, usage.at, endOf(usage)]
    return (await this.#pool.query({ ...ROTATE, values })).rowCount === 1
  }
}
