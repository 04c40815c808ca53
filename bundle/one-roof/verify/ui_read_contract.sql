-- What the user interface may rely on: eight endpoints, each one JSON body of a fixed shape.
\ir common/expected.sql

select '/governance/overview' as name,
       jsonb_typeof(body) = 'object'
       and body ?& array['inventory', 'scopes', 'owned', 'gap', 'critical', 'emit']
       and body @> jsonb_build_object('inventory', :inventory, 'scopes', :scopes, 'owned', :pairs,
                                      'gap', 0, 'critical', 0, 'emit', 'fail-closed') as ok,
       body::text as detail
from one_roof.ui_overview
union all
select '/governance/collections',
       jsonb_typeof(body) = 'array' and jsonb_array_length(body) = :inventory
       and (select bool_and(e ?& array['collection', 'title', 'domain', 'criticality', 'authority']
                            and jsonb_typeof(e -> 'authority') = 'string')
              from jsonb_array_elements(body) as e),
       jsonb_array_length(body) || ' collections'
from one_roof.ui_collections
union all
select '/governance/scopes',
       jsonb_typeof(body) = 'array' and jsonb_array_length(body) = :scopes
       and (select bool_and(e ?& array['scope', 'about']) from jsonb_array_elements(body) as e),
       jsonb_array_length(body) || ' scopes'
from one_roof.ui_scopes
union all
select '/governance/authorities',
       jsonb_typeof(body) = 'array' and jsonb_array_length(body) = 4
       and (select bool_and(jsonb_typeof(e -> 'collections') = 'number' and jsonb_typeof(e -> 'domains') = 'array')
                   and sum((e ->> 'collections')::integer) = :inventory
              from jsonb_array_elements(body) as e),
       (select string_agg(e ->> 'authority', ', ') from jsonb_array_elements(body) as e)
from one_roof.ui_authorities
union all
select '/governance/coverage',
       jsonb_typeof(body) = 'object'
       and (select count(*) from jsonb_object_keys(body)) = :inventory
       and (select count(*) from jsonb_each(body) as c, jsonb_each(c.value) as s
             where jsonb_typeof(s.value) = 'string') = :pairs,
       (select count(*) from jsonb_object_keys(body)) || ' collections'
from one_roof.ui_coverage
union all
select '/governance/containment',
       jsonb_typeof(body -> 'collections') = 'array'
       and body @> jsonb_build_object('contained', :inventory, 'outside', 0)
       and jsonb_array_length(body -> 'collections') = :inventory,
       (body ->> 'contained') || ' contained, ' || (body ->> 'outside') || ' outside'
from one_roof.ui_containment
union all
select '/governance/issues',
       jsonb_typeof(body -> 'total') = 'number'
       and jsonb_typeof(body -> 'by_severity') = 'object'
       and (select sum(value::bigint) from jsonb_each_text(body -> 'by_severity')) = (body ->> 'open')::bigint,
       (body ->> 'open') || ' open of ' || (body ->> 'total')
from one_roof.ui_issues
union all
select '/governance/emit',
       body ?& array['state', 'setting', 'guarded', 'active_types', 'dispatchers']
       and body @> '{"state": "fail-closed", "guarded": true}',
       body ->> 'state'
from one_roof.ui_emit;
