-- Metabase, stacked bar: where the tasks of each agency stand in the last half year
select
    sender.name_vi as agency,
    progress.status_code,
    count(*) as tasks,
    avg(progress.completion_rate) as mean_completion
from mart.fct_task_progress as progress
inner join mart.dim_task as task on progress.task_code = task.task_code
inner join mart.dim_sender as sender on task.lead_sender_code = sender.sender_code
where progress.period_code = (select max(latest.period_code) from mart.fct_task_progress as latest)
group by sender.name_vi, progress.status_code
order by agency asc, progress.status_code asc
