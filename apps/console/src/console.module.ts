import { Module, type DynamicModule } from '@nestjs/common';
import { DRIVERS } from '#drivers';
import { RUNTIME, VERSION, type DriversConfig, type Runtime } from '#runtime';
import { BreakerQueries, type ConsoleDrivers } from './breaker-queries.ts';
import { EventHub } from './events/event-hub.ts';
import { EventsController } from './events/events.controller.ts';
import { LogEnds } from './events/log-ends.ts';
import { ControlActions } from './control/control-actions.ts';
import { ControlHttpController } from './control/control-http.controller.ts';
import { ControlQueries } from './control/control-queries.ts';
import { ControlController } from './control/control.controller.ts';
import { FED, Feeds, type Fed } from './feeds.ts';
import { BeatRelay } from './fleet/beat-relay.ts';
import { FleetHttpController } from './fleet/fleet-http.controller.ts';
import { FleetView } from './fleet/fleet-view.ts';
import { FleetController } from './fleet/fleet.controller.ts';
import type { FleetIdentity } from './follow/follow-board.ts';
import { StateFanout } from './follow/state-fanout.ts';
import { StateController } from './follow/state.controller.ts';
import { GrpcController } from './grpc.controller.ts';
import { HealthController } from './health.controller.ts';
import { HttpController } from './http.controller.ts';
import { OutcomesController } from './outcomes/outcomes.controller.ts';
import { ReadModel } from './read-model.ts';

const CLOCKS = { nowMs: Date.now, monotonicMs: () => performance.now() };
const model = { provide: ReadModel, useFactory: () => new ReadModel(CLOCKS) };
const fanout = { provide: StateFanout, inject: [RUNTIME], useFactory: ({ config: { drivers } }: Runtime) => new StateFanout(fleetOf(drivers), CLOCKS.monotonicMs) };
const fed = { provide: FED, inject: [ReadModel, StateFanout], useFactory: (of: ReadModel, to: StateFanout): Fed => ({ model: of, fanout: to }) };
const ends = { provide: LogEnds, inject: [DRIVERS], useFactory: ({ reader, partitions }: ConsoleDrivers) => new LogEnds({ reader, partitions, monotonicMs: CLOCKS.monotonicMs }) };
const fleet = {
  provide: FleetView,
  inject: [ReadModel, LogEnds, DRIVERS],
  useFactory: (of: ReadModel, its: LogEnds, { presence, partitions }: ConsoleDrivers) => {
    const committed = (): ReadonlyMap<number, number> => new Map(of.partitions().flatMap(({ partition, meta }) => (meta === undefined ? [] : [[partition, meta.next] as const])));
    return new FleetView({ presence, ends: its, partitions, committed, monotonicMs: CLOCKS.monotonicMs });
  },
};
const relay = { provide: BeatRelay, inject: [DRIVERS], useFactory: ({ presence }: ConsoleDrivers) => new BeatRelay(presence, CLOCKS.monotonicMs) };
const hub = {
  provide: EventHub,
  inject: [FED, FleetView, LogEnds, DRIVERS, RUNTIME],
  useFactory: (...[to, view, its, { transitions }, { logger, health, config: { instance } }]: [Fed, FleetView, LogEnds, ConsoleDrivers, Runtime]) =>
    new EventHub({ model: to.model, fleet: view, ends: its, transitions, logger, health, proxies: () => to.fanout.size, about: { instance, version: VERSION }, nowMs: CLOCKS.nowMs }),
};

function fleetOf(drivers: DriversConfig): FleetIdentity {
  return drivers.kind === 'embedded' ? { partitions: 1, topicPrefix: '' } : drivers;
}

@Module({})
export class ConsoleModule {
  static forRoot(drivers: ConsoleDrivers, runtime: Runtime): DynamicModule {
    return {
      module: ConsoleModule,
      controllers: [HttpController, HealthController, GrpcController, StateController, EventsController, OutcomesController, ControlController, ControlHttpController, FleetController, FleetHttpController],
      providers: [{ provide: DRIVERS, useValue: drivers }, { provide: RUNTIME, useValue: runtime }, model, fanout, fed, ends, fleet, relay, hub, BreakerQueries, ControlActions, ControlQueries, Feeds],
    };
  }
}
