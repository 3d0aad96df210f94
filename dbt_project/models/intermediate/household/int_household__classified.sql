-- A household that moved may stand in the lists of two senders: the report received last counts.
with counted as (
    select distinct on (household_code, review_year, standard_code) *
    from {{ ref('stg_household_review') }}
    order by household_code, review_year, standard_code, submission_id desc, row_number
)

select
    counted.*,
    ethnic_group.is_minority as is_ethnic_minority,
    cardinality(counted.deprivation_codes) as deprivation_count,
    {{ poverty_class('counted.income_per_capita_vnd', 'cardinality(counted.deprivation_codes)', 'line') }}
        as class_derived_code
from counted
left join {{ ref('ethnic_group') }} as ethnic_group on counted.ethnic_group_code = ethnic_group.code
left join {{ ref('poverty_standard') }} as line
    on
        counted.standard_code = line.code
        and counted.area_type = line.area_type
