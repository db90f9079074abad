import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../telemetry/metrics.ts';
import { PUBLIC, withScope } from './policy.ts';

export interface HealthDeps {
  version: string;
  metricsEnabled: boolean;
  metrics: Metrics;
  /** False while the server starts or shuts down. */
  isReady: () => boolean;
}

/** `/health` (is the process alive), `/ready` (should it get traffic) and `/metrics` (how is it doing). */
export function healthRoutes(app: FastifyInstance, { version, metricsEnabled, metrics, isReady }: HealthDeps): void {
  app.get(
    '/health',
    { config: { policy: PUBLIC }, schema: { tags: ['Operation'], summary: 'Is it alive', security: [] } },
    () => ({
      status: 'ok',
      version,
    }),
  );
  app.get(
    '/ready',
    { config: { policy: PUBLIC }, schema: { tags: ['Operation'], summary: 'May it get traffic', security: [] } },
    async (_request, reply) => {
      const ready = isReady();
      return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not_ready', version });
    },
  );
  if (!metricsEnabled) return;
  app.get(
    '/metrics',
    { config: { policy: withScope('admin') }, schema: { tags: ['Operation'], summary: 'Prometheus metrics' } },
    async (_request, reply) => {
      const { contentType, body } = await metrics.render();
      return reply.type(contentType).send(body);
    },
  );
}
