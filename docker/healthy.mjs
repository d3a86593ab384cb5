/** `node docker/healthy.mjs URL` ends with 0 if URL answers 200, and prints what it answered: a health check's log holds it. */
import { get } from 'node:http';

const TIMEOUT_MS = 3_000;

const request = get(process.argv[2], { agent: false, timeout: TIMEOUT_MS }, (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  response.pipe(process.stdout);
});
request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS} ms`)));
request.on('error', (error) => {
  process.exitCode = 1;
  console.error(error.message);
});
