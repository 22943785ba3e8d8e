/** The parts of the destination's page that no table says: how to begin, and what people ask. */

export const gettingStarted: readonly string[] = `## Getting started

1. **Create a space.** On this server, name it in the workspace file. At Segment, create it in the Segment workspace.
2. **Create a token.** The endpoint \`local\` needs none. For the regions of Segment, create a Public API token in the workspace
   settings, under Access Management, with the permission **Source Admin**: without it the API shows spaces without their write
   keys. Put it into an environment variable, never into a file.
3. **Connect** the destination to a warehouse, and **configure** where it sends. This file has one destination on this server and
   one at Segment:

   \`\`\`yaml
   spaces:
     main: {}
   sources:
     shop: { engine: duckdb, path: ./shop.duckdb }
   models:
     customers: { source: shop, identifier: id, query: "SELECT id, email_address, plan FROM customers" }
   destinations:
     profiles: { source: shop }
     segment:
       source: shop
       settings: { endpoint: north_america, segment_papi_token: "\${SEGMENT_PAPI_TOKEN}" }
   mappings:
     customers-identify:
       destination: profiles
       model: customers
       action: sendIdentify
       fields:
         engage_space: main
         user_id: { "@path": $.__segment_id }
         traits:
           email: { "@path": $.properties.email_address }
           plan: { "@path": $.properties.plan }
   \`\`\`

   \`\`\`sh
   millrace apply shop.yaml
   millrace destination test segment
   millrace destination spaces segment
   \`\`\`

   \`destination test\` says which of three things is wrong: the token is not valid, it has no Source Admin permission, or the network
   failed. \`destination spaces\` lists the profile spaces with the write keys that \`engage_space\` takes.
4. **Map.** \`millrace mapping suggest --model customers --action sendIdentify\` proposes fields for columns whose names it
   recognises, as YAML to paste, and says why. \`millrace mapping test customers-identify\` shows the message that a row becomes;
   with \`--send\` it also sends that one message, and shows the answer.
5. **Enable.** The destination and the mapping each have \`enabled\`, which is \`true\` unless the file says otherwise. Both must be on.
   \`millrace sync plan customers-identify\` says what would happen, \`millrace sync run customers-identify\` does it.

In \`engage_space\` a mapping of the endpoint \`local\` takes the name, the id or the write key of a space; for other endpoints it is
the write key, which only the other server can check.`.split('\n');

export const frequentQuestions: readonly string[] = `## Questions

### Do these messages count as API calls or tracked users?

No. Nothing that this destination sends counts as an API call, nor makes anybody a tracked user (MTU), for people and for
accounts. \`millrace usage\` shows them apart, as exempt ([usage.md](../usage.md)).

### Syncs succeed, but profiles do not change. Why?

Mostly for the region: a Tracking API answers 200 to a write key of the other region, or to one it does not know, and discards
the messages. Compare \`endpoint\` with the region of the Segment workspace; \`millrace destination spaces NAME\` must list the
space whose write key the mapping has. Then:

- A row that did not change is not sent again. \`millrace mapping reset NAME\` sends every row as new.
- A field that maps to nothing is left out of the message. \`millrace mapping test NAME --row ID\` shows what is in it.
- On this server, \`millrace space log SPACE\` lists messages and identifiers that the space did not take, with the reason.

### Where can I see samples of what is sent?

\`millrace mapping test NAME\` shows the event of a row and its message, without sending it. \`millrace sync show ID --rows failed\`
shows the messages of rows that were refused. What arrives in a space of this server is shown while it happens by
\`millrace space tail SPACE\`; at Segment, by the debugger of the source that belongs to the space.

### Do the messages reach other destinations of the space?

No. Each carries \`"integrations": { "All": false }\`, so that nothing connected downstream of the space's source receives it a
second time.

### A space was renamed, and the list shows the old name.

The list shows the names of sources. Renaming a space does not rename the source that belongs to it; its write key stays too.

### The list of spaces is empty, and says why.

A token without Source Admin sees sources without their write keys, and one that is limited to some sources may see no space at all:
it needs Source Admin at the sources of the spaces, or at all sources. On this server the list has the spaces that you may connect.
Without any token, or with one of another region, the list shows what the Public API says about it.`.split('\n');
