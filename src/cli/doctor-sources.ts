/** The checks of the doctor that look at the warehouses: the connection, and the right to keep our state there. */
import { randomBytes } from 'node:crypto';
import { readWorkspace, type Source } from '../workspace/workspace.ts';
import type { CliContext } from './context.ts';
import type { Check } from './doctor-checks.ts';

/** Two for each source; none when there are no sources. */
export async function sourceChecks(context: CliContext): Promise<readonly Check[]> {
  const { sources } = await readWorkspace(await context.store());
  return sources.flatMap((source) => checksOf(source));
}

function checksOf(source: Source): readonly Check[] {
  const { name, engine, enabled } = source;
  const disabled = { message: 'disabled', status: 'skipped' } as const;
  return [
    {
      name: `source ${name}`,
      async look(context) {
        if (!enabled) return disabled;
        await using warehouse = await context.openWarehouse(source);
        await warehouse.check();
        return { message: `${engine}, reached` };
      },
    },
    {
      name: `state of ${name}`,
      needs: [`source ${name}`],
      async look(context) {
        if (!enabled) return disabled;
        await using warehouse = await context.openWarehouse(source);
        // Only making a table shows that one can be made.
        const probe = `doctor_${randomBytes(6).toString('hex')}`;
        await warehouse.prepareState(probe);
        await warehouse.dropState(probe);
        return { message: `tables can be made in the schema ${context.config.stateSchema}` };
      },
    },
  ];
}
