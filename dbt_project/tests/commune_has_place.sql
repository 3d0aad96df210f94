-- What: an accepted row of a report by commune has no place, so that its figures would vanish.
-- When: the gate let a commune code pass that no list of units knows.
-- How to resolve: hold the row (rule unknown_code), or add the unit to the seed admin_unit if it exists.
with report as (
    select
        'commune_profile' as dataset,
        submission_id,
        sheet_name,
        row_number,
        commune_code,
        period_end_on
    from {{ ref('stg_commune_profile') }}
    union all
    select
        'poor_movement' as dataset,
        submission_id,
        sheet_name,
        row_number,
        commune_code,
        period_end_on
    from {{ ref('stg_poor_movement') }}
    union all
    select
        'near_poor_movement' as dataset,
        submission_id,
        sheet_name,
        row_number,
        commune_code,
        period_end_on
    from {{ ref('stg_near_poor_movement') }}
)

select report.*
from report
left join {{ ref('int_place__resolved') }} as place
    on
        report.commune_code = place.named_commune_code
        and report.period_end_on = place.named_on
        and report.period_end_on = place.placed_on
where place.commune_code is null
