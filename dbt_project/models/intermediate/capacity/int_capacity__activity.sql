{{ config(key=['submission_id', 'sheet_name', 'row_number']) }}

with placed as (
    select
        activity.*,
        place.admin_unit_key,
        place.commune_code as placed_commune_code,
        place.district_code,
        place.province_code,
        place.reporting_unit_code,
        -- the year counts the activity where its place is in the end
        place_at_end.commune_code as year_end_commune_code,
        place_at_end.district_code as year_end_district_code,
        place_at_end.province_code as year_end_province_code,
        make_date(activity.period_year, 12, 31) as year_end_on
    from {{ ref('stg_capacity_activity') }} as activity
    left join {{ ref('int_place__resolved') }} as place
        on
            activity.commune_code = place.named_commune_code
            and activity.period_end_on = place.named_on
            and activity.period_end_on = place.placed_on
    left join {{ ref('int_place__resolved') }} as place_at_end
        on
            activity.commune_code = place_at_end.named_commune_code
            and activity.period_end_on = place_at_end.named_on
            and make_date(activity.period_year, 12, 31) = place_at_end.placed_on
),

-- An activity without a commune is one of its province: that of its report or, where the report names no commune at
-- all, the one that the reports of the nearest day name, an earlier day before a later one.
province_of_report as (
    select
        submission_id,
        mode() within group (order by province_code) as province_code,
        mode() within group (order by year_end_province_code) as year_end_province_code
    from placed
    group by submission_id
),

province_of_day as (
    select
        placed_on,
        mode() within group (order by province_code) as province_code
    from {{ ref('int_place__resolved') }}
    group by placed_on
)

select
    placed.submission_id,
    placed.sheet_name,
    placed.row_number,
    placed.sender_code,
    placed.period_code,
    placed.period_end_on,
    placed.period_year,
    placed.activity_id,
    placed.kind_code,
    placed.admin_unit_key,
    coalesce(placed.placed_commune_code, placed.commune_code) as commune_code,
    placed.district_code,
    coalesce(placed.province_code, province_of_report.province_code, nearest.province_code) as province_code,
    placed.reporting_unit_code,
    placed.year_end_commune_code,
    placed.year_end_district_code,
    coalesce(
        placed.year_end_province_code, province_of_report.year_end_province_code, nearest_at_end.province_code
    ) as year_end_province_code,
    placed.held_on,
    placed.target_participant_count,
    placed.participant_count,
    placed.participating_household_count,
    placed.cost_vnd,
    placed.funding_source_code
from placed
inner join province_of_report on placed.submission_id = province_of_report.submission_id
left join lateral (
    select province_of_day.province_code
    from province_of_day
    order by
        province_of_day.placed_on > placed.period_end_on,
        abs(province_of_day.placed_on - placed.period_end_on)
    limit 1
) as nearest on true
left join lateral (
    select province_of_day.province_code
    from province_of_day
    order by
        province_of_day.placed_on > placed.year_end_on,
        abs(province_of_day.placed_on - placed.year_end_on)
    limit 1
) as nearest_at_end on true
