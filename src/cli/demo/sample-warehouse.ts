/**
 * The warehouse of the demo: customers, companies and orders in a DuckDB file. In: a path and a number of customers. Out:
 * the same tables every time, with the flaws of real data: shared e-mail addresses, missing and repeated identifiers,
 * placeholder values, odd characters. No value comes from a random generator: each is computed from its row's number.
 */
import { rm } from 'node:fs/promises';
import type { DuckDBConnection } from '@duckdb/node-api';

export interface SampleWarehouse {
  readonly customers: number;
  readonly companies: number;
  readonly orders: number;
}

/** The demo changes and shows customers by number: fewer would leave it nothing to show. */
export const fewestCustomers = 100;

/** Makes the file anew. */
export async function makeSampleWarehouse(path: string, customers: number): Promise<SampleWarehouse> {
  await rm(path, { force: true });
  await rm(`${path}.wal`, { force: true });
  const size = { customers, companies: Math.max(1, Math.round(customers / 25)), orders: customers * 6 };
  await onFile(path, async (connection) => {
    for (const statement of tables(size)) await connection.run(statement);
  });
  return size;
}

/** How many rows of the customers table changeSampleWarehouse changes and deletes. */
export const changedCustomers = 25;
export const deletedCustomers = 3;

/** A day later: some customers have another plan, some are gone. */
export async function changeSampleWarehouse(path: string): Promise<void> {
  await onFile(path, async (connection) => {
    await connection.run(`UPDATE customers SET plan = 'enterprise' WHERE no > 50 AND no <= ${50 + changedCustomers}`);
    await connection.run(`DELETE FROM customers WHERE no > 80 AND no <= ${80 + deletedCustomers}`);
  });
}

/** The customer that the demo shows. */
export const shownCustomer = 'c-00042';

async function onFile(path: string, work: (connection: DuckDBConnection) => Promise<void>): Promise<void> {
  // Loaded here, so that the other commands do not wait for it.
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    await work(connection);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

const firstNames = [
  'Ana',
  'Björn',
  'Chidi',
  "D'Arcy",
  'Eun-ji',
  'Fatima',
  'Grzegorz',
  'Hana',
  'Îlse',
  'João',
  'שרה',
  '李娜',
];
const lastNames = [
  "O'Brien",
  'Müller',
  'Santos',
  'Nowak',
  'van der Berg',
  'Okafor',
  'Smith',
  'Łukasik',
  '😀 Party',
  'de la "Cruz"',
];
const cities = ['Lyon', 'Kraków', 'São Paulo', 'Tōkyō', 'Lagos', 'Malmö', 'Québec', "Coeur d'Alene"];
const plans = ['free', 'free', 'team', 'business'];
const industries = ['Retail', 'Software', 'Health', 'Logistics', 'Education'];

function list(values: readonly string[]): string {
  return `[${values.map((value) => `'${value.replaceAll("'", "''")}'`).join(', ')}]`;
}

/** A number below `n`, spread over the rows, the same in every run. */
function spread(n: number | string, salt: number): string {
  return `((no * 2654435761 + ${salt} * 40503) % 4294967296 // 7 % ${n})`;
}

function pick(values: readonly string[], salt: number): string {
  return `${list(values)}[${spread(values.length, salt)} + 1]`;
}

function tables({ customers, companies, orders }: SampleWarehouse): string[] {
  const id = "printf('c-%05d', no)";
  return [
    `CREATE TABLE customers AS
      SELECT no,
        ${id} AS customer_id,
        CASE
          WHEN no % 25 = 7 THEN NULL
          WHEN no % 400 = 11 THEN 'test@example.com'
          WHEN no % 60 = 0 THEN printf('Family%d@Example.com', no - 1)
          WHEN no % 60 = 59 THEN printf('family%d@example.com', no)
          ELSE printf('user%d@example.com', no)
        END AS email,
        ${pick(firstNames, 1)} AS first_name,
        ${pick(lastNames, 2)} AS last_name,
        CASE WHEN no % 3 = 0 THEN printf('+3315550%05d', no) END AS phone,
        ${pick(cities, 3)} AS city,
        ${pick(plans, 4)} AS plan,
        no % 2 = 0 AS newsletter,
        CASE WHEN no % 4 <> 0 THEN printf('org-%d', ${spread(companies, 5)} + 1) END AS company_id,
        CASE WHEN no % 500 = 3 THEN '-1' WHEN no % 5 = 0 THEN printf('L%06d', no) END AS loyalty_id,
        TIMESTAMP '2025-01-01' + INTERVAL (${spread(525600, 6)}) MINUTE AS created_at
      FROM range(1, ${customers + 1}) AS r(no)`,
    // Two rows that somebody imported twice, and two that lost their identifier.
    `INSERT INTO customers BY NAME SELECT * REPLACE (-no AS no, upper(city) AS city) FROM customers WHERE no IN (17, 31)`,
    `INSERT INTO customers BY NAME SELECT * REPLACE (-no AS no, NULL AS customer_id) FROM customers WHERE no IN (18, 32)`,
    `CREATE TABLE companies AS
      SELECT printf('org-%d', no) AS company_id,
        printf('%s & %s %s', ${pick(lastNames, 7)}, ${pick(cities, 8)}, ${list(['Ltd', 'GmbH', 'S.A.'])}[no % 3 + 1]) AS name,
        ${pick(industries, 9)} AS industry,
        ${spread(5000, 10)} + 1 AS employees,
        printf('c-%05d', ${spread(customers, 11)} + 1) AS owner_id
      FROM range(1, ${companies + 1}) AS r(no)`,
    `CREATE TABLE orders AS
      SELECT no AS order_id,
        printf('c-%05d', ${spread(customers, 12)} + 1) AS customer_id,
        (${spread(20000, 13)} / 100)::DECIMAL(12, 2) AS amount,
        TIMESTAMP '2025-01-01' + INTERVAL (${spread(525600, 14)}) MINUTE AS ordered_at
      FROM range(1, ${orders + 1}) AS r(no)`,
  ];
}
