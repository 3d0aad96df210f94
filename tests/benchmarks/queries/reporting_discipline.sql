-- Power BI, table with bars: how many reports of a year each sender gave in time
select
    sender.name_vi,
    count(*) as expected,
    sum(case when report.is_on_time then 1 else 0 end) as on_time,
    sum(case when report.status_code = 'missing' then 1 else 0 end) as missing,
    sum(report.rows_held) as rows_held,
    sum(report.finding_count) as findings
from mart.fct_report as report
inner join mart.dim_sender as sender on report.sender_code = sender.sender_code
inner join mart.dim_period as period on report.period_code = period.period_code
where period.year = 2023 and report.is_expected
group by sender.name_vi
order by missing desc, expected asc
