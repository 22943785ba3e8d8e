// A process that opens the embedded database of the folder it is given, says where it is, and closes it when its input
// ends. Started by tests as a child.
import { createLog } from '../src/base/log.ts';
import { openDatabase } from '../src/db/db.ts';

async function main(dataFolder: string): Promise<void> {
  try {
    const log = createLog({ level: 'warn' });
    const database = await openDatabase({ dataFolder, log, poolSize: 2 });
    process.stdout.write(`${JSON.stringify({ describe: database.describe })}\n`);
    process.stdin.on('end', () => void database.close());
    process.stdin.resume();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    process.stdout.write(`${JSON.stringify({ code, message })}\n`);
  }
}

void main(process.argv[2] as string);
