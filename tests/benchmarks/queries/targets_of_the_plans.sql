-- Superset, pivot: how many targets of each plan stand where, year by year
select
    programme.name_vi as programme,
    progress.period_code,
    count(*) as target_count,
    sum(case when progress.status_code = 'met' then 1 else 0 end) as met_count,
    sum(case when progress.status_code = 'on_track' then 1 else 0 end) as on_track_count,
    sum(case when progress.status_code = 'off_track' then 1 else 0 end) as off_track_count,
    sum(case when progress.status_code = 'missed' then 1 else 0 end) as missed_count,
    sum(case when progress.status_code = 'no_data' then 1 else 0 end) as no_data_count
from mart.fct_target_progress as progress
inner join mart.dim_programme as programme on progress.programme_code = programme.programme_code
group by programme.name_vi, progress.period_code
order by programme.name_vi asc, progress.period_code asc
