-- Power BI, bullet chart: planned, allocated and disbursed by project at the end of a year
select
    project.name_vi,
    finance.budget_kind_code,
    sum(finance.planned_vnd) as planned_vnd,
    sum(finance.allocated_vnd) as allocated_vnd,
    sum(finance.disbursed_vnd) as disbursed_vnd,
    100 * sum(finance.disbursed_vnd) / nullif(sum(finance.planned_vnd), 0) as disbursement_rate
from mart.fct_programme_finance as finance
inner join mart.dim_project as project on finance.project_code = project.project_code
where finance.period_code = '2023-Q4'
group by project.name_vi, finance.budget_kind_code
order by disbursement_rate asc
