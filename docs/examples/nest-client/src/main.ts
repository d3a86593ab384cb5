/** A checkout that calls `payments.internal` by itself, with no proxy, and leaves it alone while the fleet's breaker is open. */
import 'reflect-metadata';
import { Controller, Get, Injectable, Module, Query } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { UpstreamOpen } from '@fuseboard/client';
import { FuseboardModule, Guarded } from '@fuseboard/client/nest';

const { CONSOLES = '127.0.0.1:50051', BROKERS = '127.0.0.1:9092', TOPIC_PREFIX = 'fuseboard.', PARTITIONS = '12', PAYMENTS = 'http://127.0.0.1:8079', PORT = '3000' } = process.env;

@Injectable()
class Payments {
  /** `fetch`'s answer says by its status what became of the call, and its errors say it too. */
  @Guarded('payments.internal')
  async pay(query: string): Promise<Response> {
    return await fetch(`${PAYMENTS}/echo?${query}`, { signal: AbortSignal.timeout(2_000) });
  }

  @Guarded('payments.internal', { fallback: 'lastRates' })
  async rates(): Promise<string> {
    const answer = await fetch(`${PAYMENTS}/echo`, { signal: AbortSignal.timeout(2_000) });
    return `rates of now, ${answer.status}`;
  }

  lastRates({ retryAfterMs }: UpstreamOpen): string {
    return `rates of yesterday, better ones in ${retryAfterMs} ms`;
  }
}

@Controller()
class Checkout {
  constructor(private readonly payments: Payments) {}

  /** Knows nothing of breakers: while it is open, Fuseboard answers with what the policy says. */
  @Get('pay')
  async pay(@Query('status') status = '200'): Promise<string> {
    const { status: found } = await this.payments.pay(`status=${encodeURIComponent(status)}`);
    return `payments answered ${found}`;
  }

  @Get('rates')
  rates(): Promise<string> {
    return this.payments.rates();
  }
}

@Module({
  imports: [FuseboardModule.forRoot({ consoles: CONSOLES, kafka: { brokers: BROKERS }, topicPrefix: TOPIC_PREFIX, partitions: Number(PARTITIONS) })],
  controllers: [Checkout],
  providers: [Payments],
})
class CheckoutModule {}

const app = await NestFactory.create(CheckoutModule);
app.enableShutdownHooks();
await app.listen(PORT, '127.0.0.1');
console.log(`checkout: ${await app.getUrl()}/pay`);
