/**
 * kafkajs 2.2.4 checks each connection's queue by a timer that sets itself again for ever, though the queue is empty,
 * and with a negative time (tulios/kafkajs #1704, #1751): each millisecond, for each connection, and a warning of Node's.
 * Only a queue with something in it needs that timer: each answer and each new request check the queue themselves.
 */
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

const { prototype } = RequestQueue;
const schedule: (this: RequestQueue) => void = Object.getOwnPropertyDescriptor(prototype, 'scheduleCheckPendingRequests')?.value;

prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
  if (this.pending.length > 0) schedule.call(this);
};
