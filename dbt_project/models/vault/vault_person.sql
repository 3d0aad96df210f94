{{ config(
    slice_by=['person_key'],
    touched_by={
        'int_member__person': ['person_key'],
        'stg_household_member': none,
    }
) }}

with village as (
    select distinct on (household_code, review_year)
        household_code,
        review_year,
        village_name
    from {{ ref('int_household__classified') }}
    order by household_code, review_year, standard_code
)

select
    person.person_key,
    person.review_year,
    listed.full_name,
    listed.national_id,
    listed.birth_date,
    listed.birth_date_precision_code,
    person.sex_code as sex,
    person.household_id,
    person.household_code,
    person.person_no,
    person.relation_to_head_code,
    village.village_name,
    person.commune_code,
    person.district_code,
    person.province_code,
    person.has_identity_conflict,
    person.review_year = max(person.review_year) over (partition by person.person_key) as is_latest,
    person.submission_id,
    person.sheet_name,
    person.row_number
from {{ ref('int_member__person') }} as person -- slice: person_key
inner join {{ ref('stg_household_member') }} as listed
    on
        person.submission_id = listed.submission_id
        and person.sheet_name = listed.sheet_name
        and person.row_number = listed.row_number
left join village
    on
        person.household_code = village.household_code
        and person.review_year = village.review_year
