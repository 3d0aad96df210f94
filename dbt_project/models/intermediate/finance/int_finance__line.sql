{{ config(key=['submission_id', 'sheet_name', 'row_number']) }}

-- The place is a province, a district or a commune, as named on the last day of the quarter; where no validity of the
-- code holds that day, the nearest one does.
with placed as (
    select distinct on (line.submission_id, line.sheet_name, line.row_number)
        line.*,
        unit.admin_unit_key,
        unit.level as admin_unit_level,
        case when unit.level = 'commune' then unit.code end as commune_code,
        unit.district_code,
        unit.province_code,
        case when unit.level <> 'province' then coalesce(unit.district_code, unit.code) end as reporting_unit_code
    from {{ ref('stg_programme_finance') }} as line
    left join {{ ref('int_place__dated_unit') }} as unit on line.admin_unit_code = unit.code
    order by
        line.submission_id,
        line.sheet_name,
        line.row_number,
        case when line.period_end_on between unit.valid_from and unit.valid_until then 0 else 1 end,
        case
            when line.period_end_on < unit.valid_from then unit.valid_from - line.period_end_on
            when line.period_end_on > unit.valid_until then line.period_end_on - unit.valid_until
            else 0
        end,
        unit.valid_from
),

-- A line of a district may be its own or the total of its communes' lines, and one of the province likewise: it is a
-- total if all three amounts are those of the lines below it that are no totals themselves.
district as (
    select
        *,
        sum(planned_vnd) filter (where admin_unit_level = 'commune') over in_district as communes_planned_vnd,
        sum(allocated_vnd) filter (where admin_unit_level = 'commune') over in_district as communes_allocated_vnd,
        sum(disbursed_vnd) filter (where admin_unit_level = 'commune') over in_district as communes_disbursed_vnd
    from placed
    window in_district as (
        partition by
            sender_code,
            project_code,
            funding_source_code,
            budget_kind_code,
            period_end_on,
            province_code,
            district_code
    )
),

part as (
    select
        *,
        admin_unit_level = 'commune'
        or (
            admin_unit_level = 'district'
            and (
                (planned_vnd, allocated_vnd, disbursed_vnd)
                = (communes_planned_vnd, communes_allocated_vnd, communes_disbursed_vnd)
            ) is not true
        ) as is_part
    from district
),

whole as (
    select
        *,
        case admin_unit_level
            when 'district' then communes_planned_vnd
            when 'province' then sum(planned_vnd) filter (where is_part) over in_province
        end as parts_planned_vnd,
        case admin_unit_level
            when 'district' then communes_allocated_vnd
            when 'province' then sum(allocated_vnd) filter (where is_part) over in_province
        end as parts_allocated_vnd,
        case admin_unit_level
            when 'district' then communes_disbursed_vnd
            when 'province' then sum(disbursed_vnd) filter (where is_part) over in_province
        end as parts_disbursed_vnd
    from part
    window in_province as (
        partition by sender_code, project_code, funding_source_code, budget_kind_code, period_end_on, province_code
    )
),

-- Amounts are cumulative since 1 January; over a quarter without the line its part in the next one cannot be told.
compared as (
    select
        *,
        coalesce(
            (planned_vnd, allocated_vnd, disbursed_vnd)
            = (parts_planned_vnd, parts_allocated_vnd, parts_disbursed_vnd),
            false
        ) as is_total_of_parts,
        case
            when extract(quarter from period_end_on) = 1 then allocated_vnd
            when lag(period_end_on) over line = date_trunc('quarter', period_end_on)::date - 1
                then allocated_vnd - lag(allocated_vnd) over line
        end as allocated_in_quarter_vnd,
        case
            when extract(quarter from period_end_on) = 1 then disbursed_vnd
            when lag(period_end_on) over line = date_trunc('quarter', period_end_on)::date - 1
                then disbursed_vnd - lag(disbursed_vnd) over line
        end as disbursed_in_quarter_vnd
    from whole
    window line as (
        partition by
            sender_code, project_code, funding_source_code, budget_kind_code, admin_unit_code, period_year
        order by period_end_on
    )
),

report as (
    {{ province_of_report('compared') }}
)

select
    compared.*,
    coalesce(compared.province_code, report.province_code) as reported_province_code
from compared
inner join report on compared.submission_id = report.submission_id
