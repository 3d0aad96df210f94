-- Tableau, cross table: what each quarter disbursed, by source of funds
select
    period.year,
    finance.period_code,
    sum(case when source.funding_source_code = 'central' then finance.disbursed_in_quarter_vnd end) as central_vnd,
    sum(case when source.funding_source_code = 'province' then finance.disbursed_in_quarter_vnd end) as province_vnd,
    sum(case when source.funding_source_code = 'district' then finance.disbursed_in_quarter_vnd end) as district_vnd,
    sum(finance.disbursed_in_quarter_vnd) as disbursed_vnd
from mart.fct_programme_finance as finance
inner join mart.dim_funding_source as source on finance.funding_source_code = source.funding_source_code
inner join mart.dim_period as period on finance.period_code = period.period_code
group by period.year, finance.period_code
order by finance.period_code
