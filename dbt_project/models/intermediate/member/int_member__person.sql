{{ config(
    key=['household_code', 'person_no', 'review_year'],
    indexes=[
        {'columns': ['household_id', 'review_year']},
        {'columns': ['national_id_key']},
        {'columns': ['person_key', 'review_year'], 'unique': true},
    ],
    slice_by=['household_id'],
    touched_by={
        'int_household__identity': ['household_id'],
        'int_household__reviewed': ['household_id'],
        'int_household__version': ['household_id'],
    }
) }}

-- In a year under two standards a household has one place.
with reviewed as (
    select distinct on (household_code, review_year)
        household_code,
        review_year,
        sender_code,
        admin_unit_key,
        commune_code,
        district_code,
        province_code
    from {{ ref('int_household__reviewed') }} -- slice: household_id
    order by household_code, review_year, standard_code
),

-- Of two lists that have the household its people are those of the sender whose review of it counts, else of the list
-- received last.
listed as (
    select
        member.*,
        known.household_id,
        reviewed.admin_unit_key,
        reviewed.commune_code,
        reviewed.district_code,
        reviewed.province_code,
        dense_rank() over (
            partition by member.household_code, member.review_year
            order by
                case when member.sender_code = reviewed.sender_code then 0 else 1 end,
                member.submission_id desc
        ) as list_rank
    from {{ ref('stg_household_member') }} as member
    inner join {{ ref('int_household__identity') }} as known -- slice: household_id
        on member.household_code = known.household_code
    left join reviewed
        on
            member.household_code = reviewed.household_code
            and member.review_year = reviewed.review_year
),

-- A number in the household may pass to somebody else: the person is the same while the national id is, or sex and
-- year of birth are.
compared as (
    select
        *,
        not coalesce(
            national_id = lag(national_id) over numbered
            or (
                sex_code = lag(sex_code) over numbered
                and extract(year from birth_date) = extract(year from lag(birth_date) over numbered)
            ),
            false
        ) as is_another_person
    from listed
    where list_rank = 1
    window numbered as (partition by household_id, person_no order by review_year)
),

numbered as (
    select
        *,
        max(case when is_another_person then review_year end) over numbered as first_review_year
    from compared
    window numbered as (partition by household_id, person_no order by review_year)
),

-- A year that lacks the national id has that of the person's other years, if they agree.
told as (
    select
        *,
        coalesce(
            national_id,
            case
                when min(national_id) over person = max(national_id) over person then min(national_id) over person
            end
        ) as told_national_id
    from numbered
    window person as (partition by household_id, person_no, first_review_year)
),

claimed as (
    select
        *,
        count(national_id) over (partition by national_id, review_year) > 1 as has_identity_conflict,
        min(review_year) over (partition by household_id, person_no, first_review_year, told_national_id)
            as claimed_from_year
    from told
),

-- Two people of one year never bear one national id: it is that of the one who had it first, of nobody if none was.
ranked as (
    select
        *,
        rank() over claims as claim_rank,
        count(*) over (
            partition by told_national_id, review_year, national_id is null, claimed_from_year
        ) as claim_count
    from claimed
    window claims as (
        partition by told_national_id, review_year
        order by national_id is null, claimed_from_year
    )
),

-- Who once gave way does so in every year.
identified as (
    select
        *,
        case
            when told_national_id is not null and bool_and(claim_rank = 1 and claim_count = 1) over claimant
                then told_national_id
            else
                concat_ws(
                    '/', household_id, person_no, sex_code, extract(year from birth_date), first_review_year
                )
        end as identity
    from ranked
    window claimant as (
        partition by household_id, person_no, first_review_year, told_national_id, national_id is null
    )
)

select
    member.submission_id,
    member.sheet_name,
    member.row_number,
    member.sender_code,
    {{ keyed_hash('member.identity') }} as person_key,
    member.household_code,
    member.household_id,
    register.household_key,
    register.class_code,
    member.person_no,
    member.review_year,
    member.period_code,
    member.admin_unit_key,
    member.commune_code,
    member.district_code,
    member.province_code,
    member.sex_code,
    extract(year from age(member.period_end_on, member.birth_date))::integer as age,
    member.relation_to_head_code,
    member.ethnic_group_code,
    member.has_health_insurance,
    member.is_studying,
    member.is_working,
    member.needs_vocational_training,
    member.needs_legal_aid,
    member.is_social_assistance_beneficiary,
    member.national_id is not null and member.has_identity_conflict as has_identity_conflict,
    {{ keyed_hash('member.national_id') }} as national_id_key
from identified as member
left join {{ ref('int_household__version') }} as register -- slice: household_id
    on {{ version_in_year('register', 'member.household_id', 'member.review_year') }}
