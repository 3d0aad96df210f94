-- Superset, table: where the targets of the plans stand in a year
select
    programme.name_vi as programme,
    target.target_code,
    target.name_vi as target,
    target.comparator_code,
    target.target_low,
    target.target_high,
    target.due_year,
    progress.baseline_value,
    progress.value,
    progress.distance,
    progress.pace_required,
    progress.status_code
from mart.fct_target_progress as progress
inner join mart.dim_target as target on progress.target_code = target.target_code
inner join mart.dim_programme as programme on progress.programme_code = programme.programme_code
where progress.period_code = '2023'
order by programme.name_vi asc, target.target_code asc
