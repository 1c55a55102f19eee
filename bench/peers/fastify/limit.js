// A limit of requests in a window that slides.

import { randomUUID } from 'node:crypto'

import { Problem, refuse } from './answers.js'

const WINDOW_SECONDS = 60

// Counts requests that bring a bearer token, by client and path.
export function limiter (redis, perMinute, bearer) {
  return async (request, reply) => {
    if (bearer(request) === undefined) return
    const now = Date.now()
    const key = `ratelimit:${request.ip}:${request.routeOptions.url}`
    try {
      const [, , [, counted]] = await redis.pipeline()
        .zremrangebyscore(key, '-inf', now - WINDOW_SECONDS * 1000)
        // Two requests of one millisecond are two members.
        .zadd(key, now, randomUUID())
        .zcard(key)
        .expire(key, WINDOW_SECONDS)
        .exec()
      if (counted > perMinute) return refuse(reply, Problem.rateLimited)
    } catch (error) {
      // Without Redis there is no limit, but there is an answer.
      request.log.error(error)
    }
  }
}
