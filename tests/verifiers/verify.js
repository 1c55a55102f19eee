// Verifies tokens with jose: prints the subject of each line of the input, or `refused`.

import { readFileSync } from 'node:fs';

import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

const [url, algorithm, issuer, audience] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url));
for (const token of readFileSync(0, 'utf8').split('\n')) {
  try {
    const expected = { algorithms: [algorithm], issuer, audience, requiredClaims: ['exp', 'iat', 'sub'] };
    const { payload } = await jwtVerify(token, keys, expected);
    console.log(payload.type === 'access' ? payload.sub : 'refused');
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error;
    console.log('refused');
  }
}
