-- An agency reports for the whole province, which only its districts or communes name.
with province_of_year as not materialized (
    select distinct
        left(period_code, 4) as year_code,
        province_code
    from {{ ref('fct_report') }}
    where is_expected and province_code is not null
),

-- Each report counts for its own period and for the year, in its data set and in all.
report as not materialized (
    select
        counted_in.period_code,
        breakdown.kind_code as breakdown_kind_code,
        breakdown.code as breakdown_code,
        case when fact.admin_unit_level = 'commune' then fact.admin_unit_code end as commune_code,
        case when fact.admin_unit_level = 'district' then fact.admin_unit_code end as district_code,
        coalesce(fact.province_code, province_of_year.province_code) as province_code,
        fact.status_code in ('accepted', 'accepted_with_findings') as is_accepted,
        fact.status_code in ('accepted', 'accepted_with_findings') and fact.is_on_time as is_accepted_on_time,
        fact.due_on,
        fact.dataset,
        fact.sender_code,
        fact.submission_id,
        null as sheet_name,
        null::integer as row_number
    from {{ ref('fct_report') }} as fact
    left join province_of_year
        on
            fact.province_code is null
            and left(fact.period_code, 4) = province_of_year.year_code
    cross join
        lateral (
            values
            (fact.period_code),
            (case when length(fact.period_code) > 4 then left(fact.period_code, 4) end)
        ) as counted_in (period_code)
    cross join
        lateral (
            values
            ('', ''),
            ('dataset', fact.dataset)
        ) as breakdown (kind_code, code)
    where
        fact.is_expected
        and counted_in.period_code is not null
),

figure as not materialized (
    select
        'reporting_completeness' as indicator_code,
        is_accepted::integer as numerator,
        1 as denominator,
        *
    from report
    union all
    select
        'reporting_timeliness',
        is_accepted_on_time::integer,
        1,
        *
    from report
)

-- until all are due the figure is not final
select
    {{ indicator_row('figure.dataset', is_final='figure.due_on < ' ~ as_of()) }}
from figure
