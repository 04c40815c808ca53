//! Hashes a database's definitions and rows, except pgseal's own schema. Cheaper than a dump, and
//! computed by the server, so that no client program of its version is needed.

use std::collections::BTreeMap;

use postgres::{Client, SimpleQueryMessage};

/// The definition of every object by kind and name, and the rows of every table: `table
/// public.widgets` -> a hash.
pub type Fingerprint = BTreeMap<String, String>;

/// Excludes schemas that belong to no release.
const NOT_OURS: &str =
    "n.nspname not in ('pgseal', 'information_schema') and n.nspname !~ '^pg_(catalog|toast|temp)'";

/// Takes a fingerprint. Timestamp columns are left out of the rows, because two runs never agree on
/// them.
pub fn take(client: &mut Client) -> Result<Fingerprint, postgres::Error> {
    take_without(client, &[])
}

/// Like [`take`], without the rows of these tables.
pub fn take_without(client: &mut Client, tables: &[&str]) -> Result<Fingerprint, postgres::Error> {
    let mut found = Fingerprint::new();
    for sql in definitions() {
        for row in rows(client, &sql)? {
            // Objects with one name are combined, so that none hides another.
            found.entry(row[0].clone()).or_default().push_str(&row[1]);
        }
    }
    let lists = rows(client, &columns())?;
    // A table without remaining columns contributes only its number of rows.
    let one = |row: &Vec<String>| {
        let (table, columns) = (&row[0], if row[1].is_empty() { "1" } else { &row[1] });
        format!(
            "select 'rows of {table}', count(*) || ' ' || coalesce(md5(string_agg(h, '' order by h)), '') \
                 from (select md5(row({columns})::text) as h from {table}) rows_of"
        )
    };
    let wanted: Vec<String> = lists
        .iter()
        .filter(|row| !tables.contains(&row[0].as_str()))
        .map(one)
        .collect();
    if !wanted.is_empty() {
        found.extend(
            rows(client, &wanted.join(" union all "))?
                .into_iter()
                .map(|row| (row[0].clone(), row[1].clone())),
        );
    }
    Ok(found)
}

/// The first few differences, for people.
pub fn difference(expected: &Fingerprint, found: &Fingerprint) -> String {
    let names = expected
        .keys()
        .chain(found.keys())
        .collect::<std::collections::BTreeSet<_>>();
    let differ = names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name));
    let shown = |name: &String| {
        let side = |map: &Fingerprint| {
            map.get(name)
                .map_or("absent".to_owned(), |text| text.chars().take(160).collect())
        };
        format!("{name}: expected {}, found {}", side(expected), side(found))
    };
    differ.take(4).map(shown).collect::<Vec<_>>().join("; ")
}

fn definitions() -> Vec<String> {
    [
        "select 'schema ' || n.nspname, coalesce(n.nspacl::text, '') from pg_namespace n where NOT_OURS",
        "select 'relation ' || c.oid::regclass::text, concat_ws(' ', c.relkind, c.relpersistence, c.relacl::text, \
         c.reloptions::text, c.relrowsecurity, c.relispartition, pg_get_expr(c.relpartbound, c.oid), c.relowner::regrole::text) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace where NOT_OURS and c.relkind <> 'i'",
        "select 'column ' || c.oid::regclass::text || '.' || a.attname, concat_ws(' ', rank() over (partition by c.oid order by a.attnum), \
         format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, a.attacl::text, \
         pg_get_expr(d.adbin, d.adrelid)) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid \
         left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum \
         where NOT_OURS and a.attnum > 0 and not a.attisdropped and c.relkind <> 'i'",
        "select 'constraint ' || c.conrelid::regclass::text || '.' || c.conname, \
         concat_ws(' ', pg_get_constraintdef(c.oid), c.convalidated) \
         from pg_constraint c join pg_namespace n on n.oid = c.connamespace where NOT_OURS",
        "select 'index ' || c.oid::regclass::text, concat_ws(' ', pg_get_indexdef(c.oid), i.indisvalid, i.indisready, i.indislive) \
         from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where NOT_OURS",
        "select 'view ' || c.oid::regclass::text, pg_get_viewdef(c.oid) \
         from pg_class c join pg_namespace n on n.oid = c.relnamespace where NOT_OURS and c.relkind in ('v', 'm')",
        "select 'function ' || p.oid::regprocedure::text, md5(pg_get_functiondef(p.oid)) || coalesce(p.proacl::text, '') \
         from pg_proc p join pg_namespace n on n.oid = p.pronamespace where NOT_OURS and p.prokind in ('f', 'p')",
        "select 'trigger ' || t.tgrelid::regclass::text || '.' || t.tgname, concat_ws(' ', pg_get_triggerdef(t.oid), t.tgenabled) \
         from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace \
         where NOT_OURS and not t.tgisinternal",
        "select 'type ' || t.oid::regtype::text, concat_ws(' ', t.typtype, \
         (select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid)) \
         from pg_type t join pg_namespace n on n.oid = t.typnamespace where NOT_OURS",
        "select 'policy ' || p.polrelid::regclass::text || '.' || p.polname, coalesce(pg_get_expr(p.polqual, p.polrelid), '') \
         from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace where NOT_OURS",
        "select 'comment ' || pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description \
         from pg_description d join pg_class c on d.classoid = 'pg_class'::regclass and c.oid = d.objoid \
         join pg_namespace n on n.oid = c.relnamespace where NOT_OURS",
    ]
    .map(|sql| sql.replace("NOT_OURS", NOT_OURS))
    .to_vec()
}

fn columns() -> String {
    "select c.oid::regclass::text, coalesce(string_agg(quote_ident(a.attname), ', ' order by a.attnum) \
     filter (where a.atttypid not in ('timestamptz'::regtype, 'timestamp'::regtype)), '') \
     from pg_class c join pg_namespace n on n.oid = c.relnamespace \
     left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped \
     where NOT_OURS and c.relkind in ('r', 'm') group by c.oid order by 1"
        .replace("NOT_OURS", NOT_OURS)
}

/// Rows as text; NULL becomes the empty text.
pub fn rows(client: &mut Client, sql: &str) -> Result<Vec<Vec<String>>, postgres::Error> {
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(
            (0..row.len())
                .map(|at| row.get(at).unwrap_or_default().to_owned())
                .collect(),
        ),
        _ => None,
    };
    Ok(client
        .simple_query(sql)?
        .into_iter()
        .filter_map(row)
        .collect())
}
