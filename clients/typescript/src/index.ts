export { type Api, type ApiOptions, createApi } from './api.js';
export { Groundwork, type GroundworkOptions } from './client.js';
export { type ApiFailure, GroundworkError, type Result, type UnknownErrorCode, unwrap } from './errors.js';
export * from './generated/resources.js';
export type * from './generated/schema.js';
export { eachItem, type Page, type PageQuery, Pager } from './pages.js';
export type { Fetch, Retry } from './retry.js';
export { Session, type SessionOptions } from './session.js';
export { verifyWebhook, WebhookError, type WebhookHeaders, type WebhookProblem } from './webhooks.js';
