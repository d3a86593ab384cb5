/** What is said to a client whose bytes are no request. */
import { textAnswer, type OwnAnswer } from '../own-answer.ts';
import type { MessageFault } from './message-parser.ts';
import { ownText } from './own-text.ts';

export const FAULT_ANSWERS: Readonly<Record<MessageFault, OwnAnswer>> = {
  invalid: textAnswer(400, 'Bad Request\n'),
  'head-too-large': textAnswer(431, 'Request Header Fields Too Large\n'),
  'too-many-headers': textAnswer(431, 'Request Header Fields Too Large\n'),
  'target-too-long': textAnswer(414, 'URI Too Long\n'),
  'framing-too-large': textAnswer(413, 'Content Too Large\n'),
};

export const HEAD_TIMEOUT_ANSWER = textAnswer(408, 'the request did not arrive in time\n');

/** Behind it nothing more is served on the connection. */
export function faultText(answer: OwnAnswer, nowMs: number): string {
  return ownText(answer, { isToHead: false, closes: true, nowMs });
}
