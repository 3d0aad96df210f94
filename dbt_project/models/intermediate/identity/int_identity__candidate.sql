{{ config(key=['candidate_key']) }}

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
    from {{ ref('int_household__reviewed') }}
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
        listed.head_national_id as national_id,
        {{ folded('listed.head_name') }} as folded_name,
        extract(year from listed.head_birth_date)::integer as birth_year,
        {{ folded('listed.village_name') }} as village,
        headed.commune_code,
        headed.district_code,
        headed.province_code,
        headed.submission_id,
        headed.sheet_name,
        headed.row_number
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
        listed.national_id,
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
    from {{ ref('int_member__person') }} as person
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

-- Each further one is told beside the first: a number typed for thousands gives thousands of rows, not millions.
shared_id as (
    select
        'shared_head_id' as kind_code,
        first_value(side_key) over heads_of_year as first_side_key,
        side_key as second_side_key
    from head
    where national_id is not null
    window heads_of_year as (partition by national_id, review_year order by household_code)
    union all
    select
        'shared_member_id',
        first_value(side_key) over members_of_year,
        side_key
    from member
    where national_id is not null
    window members_of_year as (partition by national_id, review_year order by household_code, person_no)
    union all
    select
        'head_elsewhere_member',
        head.side_key,
        min(member.side_key)
    from head
    inner join member
        on
            head.national_id = member.national_id
            and head.review_year = member.review_year
    group by head.side_key, head.household_code
    having bool_and(head.household_code <> member.household_code)
),

known_head as (
    select
        *,
        lag(side_key) over years as previous_side_key,
        lag(household_id) over years as previous_household_id,
        lag(review_year) over years as previous_review_year
    from head
    where national_id is not null
    window years as (partition by national_id order by review_year, household_code)
),

head_of_another as (
    select
        'head_of_another_household' as kind_code,
        previous_side_key as first_side_key,
        side_key as second_side_key
    from known_head
    where
        household_id <> previous_household_id
        and review_year > previous_review_year
),

changed_id as (
    select
        'changed_head_id' as kind_code,
        lag(side_key) over years as first_side_key,
        side_key as second_side_key,
        national_id,
        lag(national_id) over years as previous_national_id
    from head
    where national_id is not null
    window years as (partition by household_id, folded_name order by review_year)
    union all
    select
        'changed_member_id',
        lag(side_key) over years,
        side_key,
        national_id,
        lag(national_id) over years
    from member
    where national_id is not null
    window years as (partition by household_id, person_no, folded_name order by review_year)
),

-- As last listed under each name.
named_head as (
    select distinct on (household_id, folded_name, birth_year) *
    from head
    where num_nulls(folded_name, birth_year, village, commune_code) = 0
    order by household_id, folded_name, birth_year, review_year desc
),

named_member as (
    select distinct on (person_key, household_id)
        *,
        relation_to_head_code = 'head' as is_head
    from member
    where num_nulls(folded_name, birth_year, village, commune_code) = 0
    order by person_key, household_id, review_year desc
),

same_name as (
    select
        'same_head_name' as kind_code,
        first_value(side_key) over namesakes as first_side_key,
        side_key as second_side_key,
        household_id,
        first_value(household_id) over namesakes as first_household_id,
        coalesce(national_id <> first_value(national_id) over namesakes, true) as may_be_same
    from named_head
    window
        namesakes as (
            partition by folded_name, birth_year, village, commune_code
            order by household_id
        )
    union all
    select
        'same_member_name',
        first_value(side_key) over namesakes,
        side_key,
        household_id,
        first_value(household_id) over namesakes,
        coalesce(national_id <> first_value(national_id) over namesakes, true)
        and person_key <> first_value(person_key) over namesakes
        -- two heads are told as such
        and not (is_head and first_value(is_head) over namesakes)
    from named_member
    window namesakes as (
        partition by folded_name, birth_year, village, commune_code
        order by household_id, person_no
    )
),

-- The people of a household that is gone, found together in a new one.
refounded as (
    select
        'same_people' as kind_code,
        origin.side_key as first_side_key,
        destination.side_key as second_side_key
    from {{ ref('int_household__flow') }} as flow
    inner join member as origin
        on
            flow.any_person_key = origin.person_key
            and flow.any_previous_review_year = origin.review_year
    inner join member as destination
        on
            flow.any_person_key = destination.person_key
            and flow.review_year = destination.review_year
    where flow.is_refounding
),

pair as (
    select
        kind_code,
        first_side_key,
        second_side_key
    from shared_id
    where first_side_key <> second_side_key
    union all
    select
        kind_code,
        first_side_key,
        second_side_key
    from head_of_another
    union all
    select
        kind_code,
        first_side_key,
        second_side_key
    from refounded
    union all
    select
        kind_code,
        first_side_key,
        second_side_key
    from changed_id
    where national_id <> previous_national_id
    union all
    select
        kind_code,
        first_side_key,
        second_side_key
    from same_name
    where
        household_id <> first_household_id
        and may_be_same
),

side as (
    select
        side_key,
        dataset,
        household_code,
        household_id,
        person_no,
        review_year,
        person_key,
        commune_code,
        district_code,
        province_code,
        submission_id,
        sheet_name,
        row_number
    from head
    union all
    select
        side_key,
        dataset,
        household_code,
        household_id,
        person_no,
        review_year,
        person_key,
        commune_code,
        district_code,
        province_code,
        submission_id,
        sheet_name,
        row_number
    from member
)

select
    pair.kind_code || ':' || pair.first_side_key || ':' || pair.second_side_key as candidate_key,
    pair.kind_code,
    case
        when first_side.household_code = second_side.household_code then 'household'
        when first_side.commune_code = second_side.commune_code then 'commune'
        when first_side.district_code = second_side.district_code then 'district'
        else 'beyond_district'
    end as spread_code,
    first_side.dataset as first_dataset,
    first_side.household_code as first_household_code,
    first_side.household_id as first_household_id,
    first_side.person_no as first_person_no,
    first_side.review_year as first_review_year,
    first_side.person_key as first_person_key,
    first_side.commune_code as first_commune_code,
    first_side.district_code as first_district_code,
    first_side.province_code as first_province_code,
    first_side.submission_id as first_submission_id,
    first_side.sheet_name as first_sheet_name,
    first_side.row_number as first_row_number,
    second_side.dataset as second_dataset,
    second_side.household_code as second_household_code,
    second_side.household_id as second_household_id,
    second_side.person_no as second_person_no,
    second_side.review_year as second_review_year,
    second_side.person_key as second_person_key,
    second_side.commune_code as second_commune_code,
    second_side.district_code as second_district_code,
    second_side.province_code as second_province_code,
    second_side.submission_id as second_submission_id,
    second_side.sheet_name as second_sheet_name,
    second_side.row_number as second_row_number
from pair
inner join side as first_side on pair.first_side_key = first_side.side_key
inner join side as second_side on pair.second_side_key = second_side.side_key
