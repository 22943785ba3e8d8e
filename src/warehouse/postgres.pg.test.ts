import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testServerUrl } from '../../test/database.ts';
import { expectValues, warehouseConformance } from './warehouse.conformance.ts';
import { makePostgres, readAll } from './warehouse.test-support.ts';
import { openWarehouse, type Warehouse } from './warehouse.ts';

warehouseConformance('postgres', makePostgres);

describe('values of Postgres alone', () => {
  test('every type arrives exact', async () => {
    const { warehouse, run } = await makePostgres();
    await run(`
      CREATE TYPE colour AS ENUM ('red', 'light blue');
      CREATE DOMAIN positive AS numeric(38,0) CHECK (VALUE > 0);
      CREATE TYPE pair AS (a bigint, "b c" text, d timestamptz);
      CREATE TYPE deep AS (pairs pair[], n positive);
      CREATE EXTENSION hstore;`);
    await expectValues(warehouse, [
      ["'12345678901234567890.12345678901234567890'::numeric", 'decimal', '12345678901234567890.1234567890123456789'],
      ["'1.50'::numeric", 'decimal', 1.5],
      ["'100'::numeric", 'decimal', 100],
      ["'NaN'::numeric", 'decimal', null],
      ["'-Infinity'::numeric", 'decimal', null],
      ["'0044-03-15 BC'::date", 'date', '-000043-03-15'],
      ["'12026-01-02'::date", 'date', '+012026-01-02'],
      ["'0044-03-15 12:00:00.25 BC'::timestamp", 'timestamp', '-000043-03-15T12:00:00.250Z'],
      ["'0044-03-15 12:00:00+01 BC'::timestamptz", 'timestamp', '-000043-03-15T11:00:00.000Z'],
      ["'-infinity'::timestamptz", 'timestamp', null],
      ["'09:30:00+02'::timetz", 'time', '09:30:00+02'],
      ["'\\xaa00'::bytea", 'binary', 'qgA='],
      ["'light blue'::colour", 'string', 'light blue'],
      ["'9007199254740993'::positive", 'decimal', '9007199254740993'],
      [
        `ROW(9007199254740993, 'a "b", (c)', '2026-03-01 09:30:00+01')::pair`,
        'json',
        {
          a: '9007199254740993',
          'b c': 'a "b", (c)',
          d: '2026-03-01T08:30:00.000Z',
        },
      ],
      ["ROW(NULL, '', NULL)::pair", 'json', { a: null, 'b c': '', d: null }],
      [
        `ROW(ARRAY[ROW(1, 'x\\y', NULL)::pair, NULL], 5)::deep`,
        'json',
        {
          pairs: [{ a: 1, 'b c': 'x\\y', d: null }, null],
          n: 5,
        },
      ],
      ["'[0:1]={1,2}'::int[]", 'json', [1, 2]],
      ["'{}'::text[]", 'json', []],
      ["ARRAY['light blue'::colour]", 'json', ['light blue']],
      ["ARRAY['\\x01'::bytea]", 'json', ['AQ==']],
      [`ARRAY['{"a": [1, 2]}'::jsonb]`, 'json', [{ a: [1, 2] }]],
      ["'{(1,1),(0,0);(3,3),(2,2)}'::box[]", 'json', ['(1,1),(0,0)', '(3,3),(2,2)']],
      [`'{"b": 1.10, "a": 12345678901234567890}'::jsonb`, 'json', { a: '12345678901234567890', b: 1.1 }],
      ["'[1,10)'::int4range", 'string', '[1,10)'],
      [`'a=>1, b=>NULL'::hstore`, 'string', '"a"=>"1", "b"=>NULL'],
      ["'10.0.0.1/8'::inet", 'string', '10.0.0.1/8'],
      ["'ab   '::char(5)", 'string', 'ab   '],
    ]);
  });

  test('native types carry their precision', async () => {
    const { warehouse } = await makePostgres();
    const columns = await warehouse.describe("SELECT '1'::numeric(12,2) AS a, 'x'::varchar(20) AS b, ARRAY[1] AS c");
    expect(columns.map((column) => column.nativeType)).toStrictEqual([
      'numeric(12,2)',
      'character varying(20)',
      'integer[]',
    ]);
  });

  test('equal numbers are one record id', async () => {
    const { warehouse } = await makePostgres();
    const model = "SELECT * FROM (VALUES ('1.0'::numeric), ('1.00'), ('1')) AS v (id)";
    const [column] = await warehouse.describe(model);
    if (column === undefined) throw new Error('no column');
    const id = warehouse.dialect.asText('m.id', column);
    const rows = await readAll(warehouse, `SELECT DISTINCT ${id} FROM ${warehouse.dialect.subquery(model)} AS m`);
    expect(rows).toStrictEqual([['1']]);
  });

  test('checksums are those of earlier versions', async () => {
    const { warehouse } = await makePostgres();
    const model = `SELECT 1 AS id, 'é"' AS t, 1.50::numeric(10,2) AS d, 0.1::float8 AS f, NULL::text AS n, true AS b,
      '2026-03-01 09:30:00.5+01'::timestamptz AS ts, ARRAY[1, NULL] AS l, '\\xaa'::bytea AS bl, '36 hours'::interval AS i`;
    const columns = await warehouse.describe(model);
    const { checksum, checksumText, subquery } = warehouse.dialect;
    const rows = await readAll(
      warehouse,
      `SELECT ${checksumText(checksum('m', columns))} FROM ${subquery(model)} AS m`,
    );
    // When this moves, every row of every mapping is sent again.
    expect(rows).toMatchInlineSnapshot(`
      [
        [
          "39a8beac5fc31bcee8c98263784e10d1",
        ],
      ]
    `);
  });
});

describe('what models may not do', () => {
  test.each([
    ["SELECT set_config('TimeZone', 'Asia/Tokyo', false)", 'model_sql_forbidden'],
    ['SELECT 1 INTO other', 'model_sql_writes'],
    ["DO 'BEGIN END'", 'model_sql_writes'],
    ['MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE', 'model_sql_writes'],
    ['SELECT 1 AS a FOR NO KEY UPDATE', 'model_sql_writes'],
    ["SELECT U&'d!0061t!+000061' UESCAPE '!' AS a, '\\' AS b; SELECT 2", 'model_sql_multiple'],
  ])('%s', async (sql, code) => {
    const { warehouse } = await makePostgres();
    await expect(warehouse.describe(sql)).rejects.toMatchObject({ code });
  });

  test('a function that writes is stopped by the transaction', async () => {
    const { warehouse, run } = await makePostgres();
    await run(`CREATE TABLE t (i int);
      CREATE FUNCTION sneak() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO t VALUES (1) RETURNING i'`);
    await expect(readAll(warehouse, 'SELECT sneak()')).rejects.toMatchObject({ code: 'model_sql_writes' });
    expect(await readAll(warehouse, 'SELECT count(*) FROM t')).toStrictEqual([[0]]);
  });

  test('columns that differ only in case are two columns', async () => {
    const { warehouse } = await makePostgres();
    expect(await warehouse.describe('SELECT 1 AS a, 2 AS "A"')).toHaveLength(2);
  });
});

/** A role of the test server that may log in. */
async function makeRole(run: (sql: string) => Promise<void>, name: string): Promise<void> {
  await run(`DROP ROLE IF EXISTS ${name}; CREATE ROLE ${name} LOGIN PASSWORD 'right'`);
  // Before the database goes: what the role owns is in it.
  onTestFinished(() => run(`DROP OWNED BY ${name}; DROP ROLE ${name}`));
}

/** Where a Postgres test database is. */
async function placeOf(warehouse: Warehouse): Promise<{ host: string; port: number; database: string }> {
  const url = new URL(testServerUrl());
  const database = String((await readAll(warehouse, 'SELECT current_database()'))[0]?.[0]);
  return { host: url.hostname, port: Number(url.port), database };
}

describe('connecting', () => {
  const user = { user: 'nobody_here', password: 'secret-canary' };
  const expectFailure = async (settings: object, code: string) => {
    await using warehouse = await openWarehouse('postgres', settings);
    const error = await warehouse.check().catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('canary');
  };

  test('a host that nobody knows', () =>
    expectFailure({ host: 'warehouse.invalid', database: 'd', ...user }, 'warehouse_host_not_found'));

  test('a port where nobody listens', async () => {
    const server = await listen(() => undefined);
    const port = portOf(server);
    await new Promise((resolve) => server.close(resolve));
    await expectFailure({ host: '127.0.0.1', port, database: 'd', ...user }, 'warehouse_unreachable');
  });

  test('a server that accepts and stays silent', async () => {
    const server = await listen(() => undefined);
    onTestFinished(() => void server.close());
    const settings = { host: '127.0.0.1', port: portOf(server), database: 'd', connectTimeoutSeconds: 0.2, ...user };
    await expectFailure(settings, 'warehouse_timeout');
  });

  test('a wrong user, a wrong password, a missing database, no permission', async () => {
    const { warehouse, run } = await makePostgres();
    const place = await placeOf(warehouse);
    await makeRole(run, 'warehouse_login');
    await expectFailure({ ...place, ...user }, 'warehouse_login_refused');
    await expectFailure({ ...place, user: 'warehouse_login', password: 'wrong-canary' }, 'warehouse_login_refused');
    const login = { user: 'warehouse_login', password: 'right' };
    await expectFailure({ ...place, ...login, database: 'no_such' }, 'warehouse_database_missing');
    await run(`REVOKE CONNECT ON DATABASE ${place.database} FROM PUBLIC`);
    await expectFailure({ ...place, ...login }, 'warehouse_permission_denied');
  });

  test('TLS that the server does not have', async () => {
    const { warehouse } = await makePostgres();
    const place = await placeOf(warehouse);
    const url = new URL(testServerUrl());
    const login = { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) };
    await expectFailure({ ...place, ...login, ssl: 'require' }, 'warehouse_tls_failed');
    await expectFailure({ ...place, ...login, ssl: 'verify-full' }, 'warehouse_tls_failed');
    await using plain = await openWarehouse('postgres', { ...place, ...login, ssl: 'disable' });
    await plain.check();
  });

  test('a table that may not be read is named', async () => {
    const { warehouse, run } = await makePostgres();
    await makeRole(run, 'warehouse_reader');
    await run('CREATE TABLE private (i int)');
    await using reader = await openWarehouse('postgres', {
      ...(await placeOf(warehouse)),
      user: 'warehouse_reader',
      password: 'right',
    });
    await expect(readAll(reader, 'SELECT * FROM private')).rejects.toMatchObject({
      code: 'warehouse_permission_denied',
      message: expect.stringContaining('private'),
    });
  });

  test('the statement timeout', async () => {
    const { warehouse } = await makePostgres();
    const url = new URL(testServerUrl());
    url.pathname = `/${(await placeOf(warehouse)).database}`;
    await using slow = await openWarehouse('postgres', { url: url.href, statementTimeoutSeconds: 0.05 });
    await expect(readAll(slow, 'SELECT pg_sleep(30)')).rejects.toMatchObject({ code: 'warehouse_timeout' });
  });

  test('the server ends the connection in the middle of a stream', async () => {
    const { warehouse, run } = await makePostgres();
    await using snapshot = await warehouse.snapshot();
    const reading = (async () => {
      for await (const _ of snapshot.stream('SELECT i FROM generate_series(1, 10000000) AS s(i)')) {
        await run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%generate_series(1, 10000000)%'`);
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'warehouse_lost' });
    await warehouse.check();
  });

  test('the network goes away in the middle of a stream', async () => {
    const { warehouse } = await makePostgres();
    const { database } = await placeOf(warehouse);
    const url = new URL(testServerUrl());
    const server = { host: url.hostname, port: Number(url.port) };
    const sockets: Socket[] = [];
    const proxy = await listen((socket) => {
      const onward = connect(server);
      sockets.push(socket, onward);
      socket.pipe(onward).pipe(socket);
      for (const one of [socket, onward]) one.on('error', () => undefined);
    });
    onTestFinished(() => void proxy.close());
    url.pathname = `/${database}`;
    url.host = `127.0.0.1:${portOf(proxy)}`;
    await using through = await openWarehouse('postgres', { url: url.href });
    await using snapshot = await through.snapshot();
    const reading = (async () => {
      for await (const _ of snapshot.stream('SELECT i FROM generate_series(1, 10000000) AS s(i)')) {
        for (const socket of sockets) socket.destroy();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'warehouse_lost' });
  });
});

/** A message of a row that says it has five values, and has none: taking it apart throws. */
const unreadableRow = Buffer.from([0x44, 0, 0, 0, 6, 0, 5]);

test('an answer that cannot be taken in ends its statement, and not the process', async () => {
  const { warehouse } = await makePostgres();
  const { database } = await placeOf(warehouse);
  const url = new URL(testServerUrl());
  const server = { host: url.hostname, port: Number(url.port) };
  const proxy = await listen((socket) => {
    const onward = connect(server);
    for (const one of [socket, onward]) one.on('error', () => undefined);
    socket.pipe(onward);
    onward.on('data', (bytes) => socket.write(bytes.includes('to be spoilt') ? unreadableRow : bytes));
    onward.on('close', () => socket.destroy());
    socket.on('close', () => onward.destroy());
  });
  onTestFinished(() => void proxy.close());
  url.pathname = `/${database}`;
  url.host = `127.0.0.1:${portOf(proxy)}`;
  await using through = await openWarehouse('postgres', { url: url.href });
  const words = "SELECT 'to be ' || 'spoilt' AS id";
  for (let time = 0; time < 2; time++) {
    await using snapshot = await through.snapshot();
    await expect(snapshot.query(words)).rejects.toMatchObject({
      code: 'warehouse_query_failed',
      message: expect.stringContaining('too large to be read'),
    });
  }
  // Connections of the pool too.
  await expect(through.describe('SELECT 1 AS "to be spoilt"')).rejects.toMatchObject({
    code: 'warehouse_query_failed',
    message: expect.stringContaining('too large to be read'),
  });
  await through.check();
});

describe('a state schema that may not be made', () => {
  test('gives the statements that help, and they do', async () => {
    const { warehouse, run } = await makePostgres();
    const place = await placeOf(warehouse);
    await makeRole(run, 'warehouse_writer');
    const settings = { ...place, user: 'warehouse_writer', password: 'right' };
    await using writer = await openWarehouse('postgres', settings);
    const denied = await writer.prepareState('records_a').catch((error: unknown) => error);
    expect(denied).toMatchObject({ code: 'state_schema_denied' });
    const create = 'CREATE SCHEMA "millrace" AUTHORIZATION "warehouse_writer";';
    expect((denied as { help: string }).help).toContain(create);
    await run(create);
    await writer.prepareState('records_a');
    await writer.writeRecords('records_a', [{ recordId: '1', checksum: null, revision: 1, deliveredBy: null }], true);
    expect(await writer.hasState('records_a')).toBe(true);
  });

  test('in a schema of somebody else', async () => {
    const { warehouse, run } = await makePostgres();
    await makeRole(run, 'warehouse_guest');
    await run('CREATE SCHEMA millrace');
    await using guest = await openWarehouse('postgres', {
      ...(await placeOf(warehouse)),
      user: 'warehouse_guest',
      password: 'right',
    });
    expect(await guest.hasState('records_a')).toBe(false);
    const grant = 'GRANT USAGE, CREATE ON SCHEMA "millrace" TO "warehouse_guest";';
    await expect(guest.prepareState('records_a')).rejects.toMatchObject({
      code: 'state_schema_denied',
      help: expect.stringContaining(grant),
    });
    await run(grant);
    await guest.prepareState('records_a');
  });
});

async function listen(onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

describe('a server that ends connections', () => {
  test('in the middle of a write: an error of ours, and the process lives', async () => {
    const { warehouse, run } = await makePostgres();
    await warehouse.prepareState('records_a');
    const table = warehouse.dialect.stateTable('records_a');
    await run(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const written = warehouse.writeRecords(
      'records_a',
      [{ recordId: '1', checksum: null, revision: 1, deliveredBy: null }],
      false,
    );
    const failed = expect(written).rejects.toMatchObject({ code: 'warehouse_lost' });
    await run(`DO $$ BEGIN LOOP
      PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock';
      EXIT WHEN FOUND;
      PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
    END LOOP; END $$`);
    await failed;
    await run('ROLLBACK');
  });
});
