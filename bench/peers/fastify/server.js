// The endpoints of Groundwork that the benchmark asks for, as a Fastify service would have them.

import bcrypt from 'bcrypt'
import Fastify, { LogController } from 'fastify'
import { Redis } from 'ioredis'
import { randomBytes } from 'node:crypto'

import { Problem, errorBody, refuse } from './answers.js'
import { limiter } from './limit.js'
import * as schemas from './schemas.js'
import { Store } from './store.js'
import { Tokens, hashOf, randomId, successorOf } from './tokens.js'

const { PORT, DATABASE_URL, JWT_SECRET_KEY, REDIS_URL, RATE_LIMIT_PER_MINUTE } = process.env
const rounds = Number(process.env.BCRYPT_ROUNDS || 12)
if (!JWT_SECRET_KEY) throw new Error('JWT_SECRET_KEY is not set')

const store = new Store(DATABASE_URL, Number(process.env.DB_POOL_SIZE || 10))
const tokens = new Tokens(JWT_SECRET_KEY)

const app = Fastify({
  logger: { level: 'error' },
  logController: new LogController({ disableRequestLogging: true }),
  // A number is no name: Groundwork does not make texts of numbers.
  ajv: { customOptions: { coerceTypes: false } }
})

// Fastify adds a charset to the type of JSON, Groundwork does not.
app.addHook('onSend', async (request, reply) => {
  reply.header('content-type', 'application/json')
})

app.setNotFoundHandler((request, reply) => refuse(reply, Problem.notFound))

app.setErrorHandler((error, request, reply) => {
  if (error.validation) return refuse(reply, Problem.validation)
  if (error.statusCode < 500) return refuse(reply, Problem.malformed)
  // What went wrong inside is for the log, not for the client.
  request.log.error(error)
  return refuse(reply, Problem.internal)
})

function bearer (request) {
  const [, scheme, token] = /^(\S*) ?(.*)$/.exec(request.headers.authorization ?? '') ?? []
  return scheme?.toLowerCase() === 'bearer' ? token.trim() : undefined
}

async function authenticate (request, reply) {
  const text = bearer(request)
  if (text === undefined) return refuse(reply, Problem.unauthorized)
  const token = tokens.verify(text, 'access')
  const user = token && await store.bySession(token.session, token.user)
  if (!user?.is_active) return refuse(reply, Problem.invalidToken)
  request.caller = user
}

async function superusersOnly (request, reply) {
  if (!request.caller.is_superuser) return refuse(reply, Problem.forbidden)
}

function isName (text) {
  return text !== '' && [...text].length <= 255 && !/\p{Cc}/u.test(text)
}

function usageOf (request) {
  return { ip: request.ip, userAgent: request.headers['user-agent'], at: new Date() }
}

async function users (routes) {
  routes.decorateRequest('caller', null)
  if (REDIS_URL && RATE_LIMIT_PER_MINUTE) {
    const redis = new Redis(REDIS_URL, { maxRetriesPerRequest: 1 })
    redis.on('error', (error) => routes.log.error(error))
    routes.addHook('onRequest', limiter(redis, Number(RATE_LIMIT_PER_MINUTE), bearer))
    routes.addHook('onClose', () => redis.disconnect())
  }
  routes.addHook('onRequest', authenticate)

  routes.get('/users/me', { schema: { response: { 200: schemas.user } } }, async (request) => request.caller)

  const update = { body: schemas.profile, response: { 200: schemas.user, '4xx': errorBody } }
  routes.patch('/users/me', { schema: update }, async (request, reply) => {
    const name = request.body.full_name?.trim() ?? null
    if (name !== null && !isName(name)) return refuse(reply, Problem.validation)
    const user = await store.rename(request.caller.id, name)
    return user ?? refuse(reply, Problem.invalidToken)
  })

  const list = { querystring: schemas.pageOf, response: { 200: schemas.userPage, '4xx': errorBody } }
  routes.get('/users', { schema: list, onRequest: superusersOnly }, async (request, reply) => {
    const { limit: text, page_token: token } = request.query
    const limit = Number(text)
    const place = token === undefined ? Buffer.alloc(8) : Buffer.from(token, 'base64url')
    if (place.length !== 8) return refuse(reply, Problem.validation)
    // One more than asked for tells whether there is a next page.
    const items = await store.page(place.readBigInt64BE(), limit + 1)
    const more = items.length > limit
    if (more) {
      items.length = limit
      place.writeBigInt64BE(BigInt(items.at(-1).id))
    }
    return { items, next_page: more ? place.toString('base64url') : null }
  })
}

async function auth (routes) {
  const login = { body: schemas.credentials, response: { 200: schemas.tokenPair, '4xx': errorBody } }
  routes.post('/auth/login', { schema: login }, async (request, reply) => {
    const { email, password } = request.body
    const user = await store.byEmail(email.trim().toLowerCase())
    // An unknown address takes the same work; no password has this hash.
    const hash = user?.password_hash ??
      `$2b$${String(rounds).padStart(2, '0')}$abcdefghijklmnopqrstuu0123456789ABCDEFGHIJKLMNOPQRSTO`
    const matches = await bcrypt.compare(password, hash)
    if (!matches || !user?.is_active) return refuse(reply, Problem.invalidCredentials)
    const newHash = bcrypt.getRounds(hash) === rounds ? hash : await bcrypt.hash(password, rounds)

    const [session, id, usage] = [randomBytes(16), randomId(), usageOf(request)]
    const opened = await store.openSession(user, newHash, session, hashOf(id), usage)
    return opened ? tokens.pair(user.id, session, id, usage.at) : refuse(reply, Problem.invalidCredentials)
  })

  const refresh = { body: schemas.refreshRequest, response: { 200: schemas.tokenPair, '4xx': errorBody } }
  routes.post('/auth/refresh', { schema: refresh }, async (request, reply) => {
    const token = tokens.verify(request.body.refresh_token, 'refresh')
    if (!token) return refuse(reply, Problem.invalidToken)
    const [next, usage] = [successorOf(token.id), usageOf(request)]
    const rotated = await store.rotate(token.session, token.user, hashOf(token.id), hashOf(next), usage)
    return rotated ? tokens.pair(token.user, token.session, next, usage.at) : refuse(reply, Problem.invalidToken)
  })
}

app.get('/api/v1/health/live', { schema: { response: { 200: schemas.health } } }, async () => {
  return { status: 'ok', version: '1.1.0' }
})
app.register(auth, { prefix: '/api/v1' })
app.register(users, { prefix: '/api/v1' })
app.addHook('onClose', () => store.close())
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => app.close())

await app.listen({ host: '127.0.0.1', port: Number(PORT) })
