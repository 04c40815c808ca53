-- Rollback, first half: what people and programs see. Safe to run when nothing is there.
-- No CASCADE: if somebody built on these views, the rollback stops and says so.
drop view if exists one_roof.ui_overview;
drop view if exists one_roof.ui_collections;
drop view if exists one_roof.ui_scopes;
drop view if exists one_roof.ui_authorities;
drop view if exists one_roof.ui_coverage;
drop view if exists one_roof.ui_containment;
drop view if exists one_roof.ui_issues;
drop view if exists one_roof.ui_emit;
drop index if exists public.one_roof_open_issues;

drop trigger if exists one_roof_emit_guard on public.governance_events;
drop function if exists one_roof.refuse_emit();

drop view if exists one_roof.critical_finding;
drop view if exists one_roof.emit_state;
drop view if exists one_roof.divergence;
drop view if exists one_roof.containment_status;
drop view if exists one_roof.coverage;
