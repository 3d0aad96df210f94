{{ config(
    key=['side_key'],
    indexes=[{'columns': ['id_group']}, {'columns': ['namesake_group']}, {'columns': ['household_id']}],
    slice_by=['household_id'],
    touched_by={
        'int_household__reviewed': ['household_id'],
        'int_member__person': ['household_id'],
        'stg_household_review': none,
        'stg_household_member': none,
    }
) }}

-- In a year under two standards a household has one head.
with headed as (
    select distinct on (household_code, review_year)
        household_code,
        household_id,
        review_year,
        commune_code,
        district_code,
        province_code,
        submission_id,
        sheet_name,
        row_number
    from {{ ref('int_household__reviewed') }} -- slice: household_id
    order by household_code, review_year, standard_code
),

head as (
    select
        headed.household_code || '@' || headed.review_year as side_key,
        'household_review' as dataset,
        headed.household_code,
        headed.household_id,
        null::bigint as person_no,
        headed.review_year,
        {{ keyed_hash('listed.head_national_id') }} as person_key,
        {{ keyed_hash('listed.head_national_id') }} as national_id_key,
        {{ folded('listed.head_name') }} as folded_name,
        extract(year from listed.head_birth_date)::integer as birth_year,
        {{ folded('listed.village_name') }} as village,
        headed.commune_code,
        headed.district_code,
        headed.province_code,
        headed.submission_id,
        headed.sheet_name,
        headed.row_number,
        null as relation_to_head_code
    from headed
    inner join {{ ref('stg_household_review') }} as listed
        on
            headed.submission_id = listed.submission_id
            and headed.sheet_name = listed.sheet_name
            and headed.row_number = listed.row_number
),

member as (
    select
        person.household_code || '/' || person.person_no || '@' || person.review_year as side_key,
        'household_member' as dataset,
        person.household_code,
        person.household_id,
        person.person_no,
        person.review_year,
        person.person_key,
        person.national_id_key,
        {{ folded('listed.full_name') }} as folded_name,
        extract(year from listed.birth_date)::integer as birth_year,
        head.village,
        person.commune_code,
        person.district_code,
        person.province_code,
        person.submission_id,
        person.sheet_name,
        person.row_number,
        person.relation_to_head_code
    from {{ ref('int_member__person') }} as person -- slice: household_id
    inner join {{ ref('stg_household_member') }} as listed
        on
            person.submission_id = listed.submission_id
            and person.sheet_name = listed.sheet_name
            and person.row_number = listed.row_number
    left join head
        on
            person.household_code = head.household_code
            and person.review_year = head.review_year
),

listed as (
    select
        *,
        -- without one of them nobody is a namesake
        case when num_nulls(village, commune_code) = 0 then folded_name || '|' || birth_year end as person_name
    from (
        select * from head
        union all
        select * from member
    ) as side
)

select
    side_key,
    dataset,
    household_code,
    household_id,
    person_no,
    review_year,
    person_key,
    relation_to_head_code = 'head' as is_head,
    commune_code,
    district_code,
    province_code,
    submission_id,
    sheet_name,
    row_number,
    -- rows alike in one of these are compared
    'id:' || national_id_key as id_group,
    'name:' || {{ keyed_digest("person_name || '|' || village || '|' || commune_code") }}
        as namesake_group,
    {{ keyed_digest('folded_name') }} as name_key,
    {{ keyed_digest('person_name') }} as person_name_key
from listed
