{{ config(
    key=['household_code', 'review_year', 'standard_code'],
    indexes=[{'columns': ['household_id', 'review_year']}],
    slice_by=['household_code'],
    touched_by={
        'stg_household_review': ['household_code'],
        'int_household__identity': ['household_code'],
    }
) }}

-- A household that moved may stand in the lists of two senders: the report received last counts.
with counted as (
    select distinct on (household_code, review_year, standard_code) *
    from {{ ref('stg_household_review') }} -- slice: household_code
    order by household_code, review_year, standard_code, submission_id desc, row_number
)

select
    counted.submission_id,
    counted.sheet_name,
    counted.row_number,
    counted.sender_code,
    counted.period_code,
    counted.period_end_on,
    counted.review_year,
    counted.standard_code,
    counted.household_code,
    coalesce(known.household_id, counted.household_code) as household_id,
    {{ keyed_hash('counted.head_national_id') }} as head_person_key,
    counted.head_sex_code,
    counted.ethnic_group_code,
    ethnic_group.is_minority as is_ethnic_minority,
    counted.commune_code,
    counted.village_name,
    counted.area_type,
    counted.member_count,
    counted.income_per_capita_vnd,
    counted.deprivation_codes,
    counted.told_deprivation_codes,
    cardinality(counted.deprivation_codes) as deprivation_count,
    counted.class_code,
    {{ poverty_class(
        'counted.income_per_capita_vnd',
        'cardinality(counted.deprivation_codes)',
        'cardinality(counted.told_deprivation_codes)',
        'line',
    ) }} as class_derived_code,
    counted.reported_previous_class_code,
    counted.reported_movement_code,
    counted.cause_codes,
    counted.need_codes,
    counted.is_merit_family,
    counted.has_social_protection_member,
    counted.has_no_labour_capacity,
    counted.registered_to_escape,
    counted.has_temporary_house
from counted
left join {{ ref('int_household__identity') }} as known on counted.household_code = known.household_code
left join {{ ref('ethnic_group') }} as ethnic_group on counted.ethnic_group_code = ethnic_group.code
left join {{ ref('poverty_standard') }} as line
    on
        counted.standard_code = line.code
        and counted.area_type = line.area_type
