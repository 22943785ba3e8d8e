/** The configuration that the demo applies, as its user would write it. `path` is that of the sample warehouse. */
export function demoWorkspace(path: string): string {
  return `\
spaces:
  demo:
    identifiers:
      - { type: user_id, limit: 1 }
      - { type: email, limit: 5, blocked: { values: [test@example.com] } }
      - { type: loyalty_id, limit: 5, custom: true }

sources:
  shop: { engine: duckdb, path: ${JSON.stringify(path)} }

models:
  customers:
    source: shop
    identifier: customer_id
    description: Customers with what they bought.
    query: |
      SELECT c.customer_id, c.email, c.first_name, c.last_name, c.phone, c.city, c.plan, c.newsletter,
        c.company_id, c.loyalty_id, c.created_at,
        count(o.order_id) AS orders, coalesce(sum(o.amount), 0) AS lifetime_value
      FROM customers c LEFT JOIN orders o USING (customer_id)
      GROUP BY ALL
  companies:
    source: shop
    identifier: company_id
    query: SELECT company_id, name, industry, employees, owner_id FROM companies

destinations:
  profiles: { source: shop, settings: { endpoint: local } }

mappings:
  customers-identify:
    destination: profiles
    model: customers
    action: sendIdentify
    records: [new, updated, deleted]  # a customer who is gone loses the traits that came from here
    fields:
      engage_space: demo
      user_id: { '@path': $.__segment_id }
      group_id: { '@path': $.properties.company_id }
      traits:
        email: { '@path': $.properties.email }
        first_name: { '@path': $.properties.first_name }
        last_name: { '@path': $.properties.last_name }
        phone: { '@path': $.properties.phone }
        city: { '@path': $.properties.city }
        plan: { '@path': $.properties.plan }
        newsletter: { '@path': $.properties.newsletter }
        loyalty_id: { '@path': $.properties.loyalty_id }
        createdAt: { '@path': $.properties.created_at }
        orders: { '@path': $.properties.orders }
        lifetime_value: { '@path': $.properties.lifetime_value }
    skip_nulls: [group_id]
  companies-group:
    destination: profiles
    model: companies
    action: sendGroup
    records: [new, updated]
    fields:
      engage_space: demo
      user_id: { '@path': $.properties.owner_id }
      group_id: { '@path': $.properties.company_id }
      traits:
        name: { '@path': $.properties.name }
        industry: { '@path': $.properties.industry }
        employees: { '@path': $.properties.employees }
`;
}
