// What is read, and in which order it is written.

const text = { type: 'string' }
const nullableText = { type: ['string', 'null'] }
const flag = { type: 'boolean' }

export const health = { type: 'object', properties: { status: text, version: text } }

export const user = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    email: text,
    full_name: nullableText,
    is_active: flag,
    is_superuser: flag,
    is_verified: flag,
    created_at: text,
    updated_at: text
  }
}

export const userPage = {
  type: 'object',
  properties: { items: { type: 'array', items: user }, next_page: nullableText }
}

export const tokenPair = {
  type: 'object',
  properties: { access_token: text, refresh_token: text, token_type: text, expires_in: { type: 'integer' } }
}

export const profile = { type: 'object', required: ['full_name'], properties: { full_name: nullableText } }

export const pageOf = {
  type: 'object',
  properties: { limit: { type: 'string', pattern: '^([1-9][0-9]?|100)$', default: '20' }, page_token: text }
}

export const credentials = {
  type: 'object',
  required: ['email', 'password'],
  properties: { email: text, password: text }
}

export const refreshRequest = { type: 'object', required: ['refresh_token'], properties: { refresh_token: text } }
