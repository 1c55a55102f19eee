/** Why a message is refused. */
export type WebhookProblem =
  /** The secret is not `whsec_` and 24 to 64 bytes in base64. */
  | 'secret'
  /** A header is missing or malformed. */
  | 'header'
  /** The message was sent more than five minutes ago, or one of the clocks is wrong. */
  | 'timestamp'
  /** No signature is that of the secret, or the message was changed. */
  | 'signature';

const MESSAGES: Record<WebhookProblem, string> = {
  secret: 'The secret is malformed',
  header: 'A webhook header is missing or malformed',
  timestamp: 'The message is too old, or a clock is wrong',
  signature: 'No signature matches',
};

/** A message that must not be processed. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  /** Why it is refused. */
  readonly problem: WebhookProblem;

  constructor(problem: WebhookProblem) {
    super(MESSAGES[problem]);
    this.problem = problem;
  }
}

/** The headers of a request: of `fetch`, or with lower-case names, as Node has them. */
export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/** How far the time of a message may be from now, in seconds. */
const TOLERANCE = 5 * 60;

/**
 * Verifies a webhook message, and throws a {@link WebhookError} if it is not authentic and recent.
 * It needs Web Crypto, which Node has from version 20.
 *
 * @param secret - The secret of the webhook, `whsec_…`.
 * @param headers - The headers of the request.
 * @param body - The body exactly as it was received, before any parsing.
 * @param now - The current time.
 */
export async function verifyWebhook(
  secret: string,
  headers: WebhookHeaders,
  body: string | Uint8Array<ArrayBuffer>,
  now: Date = new Date(),
): Promise<void> {
  const keyBytes = secret.startsWith('whsec_') ? decode(secret.slice('whsec_'.length)) : undefined;
  if (!keyBytes || keyBytes.length < 24 || keyBytes.length > 64) throw new WebhookError('secret');
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    header(headers, name),
  );
  if (!id || !timestamp || !signatures || !/^[0-9]{1,12}$/.test(timestamp)) throw new WebhookError('header');
  if (Math.abs(Math.floor(now.getTime() / 1000) - Number(timestamp)) > TOLERANCE) throw new WebhookError('timestamp');

  const encoder = new TextEncoder();
  const prefix = encoder.encode(`${id}.${timestamp}.`);
  const content = typeof body === 'string' ? encoder.encode(body) : body;
  const signed = new Uint8Array(prefix.length + content.length);
  signed.set(prefix);
  signed.set(content, prefix.length);

  const key = await crypto.subtle.importKey('raw', keyBytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  for (const signature of signatures.split(' ')) {
    const bytes = signature.startsWith('v1,') ? decode(signature.slice('v1,'.length)) : undefined;
    // Compares in constant time.
    if (bytes && (await crypto.subtle.verify('HMAC', key, bytes, signed))) return;
  }
  throw new WebhookError('signature');
}

function header(headers: WebhookHeaders, name: string): string | undefined {
  const value = headers instanceof Headers ? headers.get(name) : headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function decode(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}
