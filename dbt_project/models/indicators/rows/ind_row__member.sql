-- In a year under two standards a person is of both, each time of the class of the household there.
with person as not materialized (
    select
        review.period_code,
        review.standard_code,
        '' as breakdown_kind_code,
        '' as breakdown_code,
        review.commune_code,
        review.district_code,
        review.province_code,
        review.class_code,
        member.household_id,
        member.household_code,
        member.person_no,
        member.age,
        member.has_health_insurance,
        member.is_studying,
        member.needs_vocational_training,
        member.needs_legal_aid,
        member.is_social_assistance_beneficiary,
        member.sender_code,
        member.submission_id,
        member.sheet_name,
        member.row_number
    from {{ ref('fct_household_review') }} as review -- slice: period_code, commune_code
    inner join {{ ref('fct_household_member') }} as member
        on
            review.household_code = member.household_code
            and review.review_year = member.review_year
            and review.period_code = member.period_code
    where review.class_code in ('poor', 'near_poor')
),

-- Who was served in the year: a support without the number of the person serves nobody that can be told.
served as not materialized (
    select distinct
        policy.policy_group_code,
        support.household_id,
        support.person_no,
        left(support.period_code, 4) as period_code
    from {{ ref('fct_support') }} as support
    inner join {{ ref('dim_policy') }} as policy on support.policy_code = policy.policy_code
    where
        support.status_code = 'delivered'
        and support.person_no is not null
),

-- A flag that a layout does not have is not known.
figure as not materialized (
    select
        'health_insurance_coverage' as indicator_code,
        has_health_insurance::integer as numerator,
        1 as denominator,
        *
    from person
    where class_code = 'poor'
    union all
    select
        'tuition_support_coverage',
        (person.is_studying and served.household_id is not null)::integer,
        person.is_studying::integer,
        person.*
    from person
    left join served
        on
            person.household_id = served.household_id
            and person.person_no = served.person_no
            and person.period_code = served.period_code
            and served.policy_group_code = 'education'
    where person.is_studying is not false
    union all
    select
        'vocational_support_coverage',
        (
            person.needs_vocational_training and person.age between 15 and 60 and served.household_id is not null
        )::integer,
        (person.needs_vocational_training and person.age between 15 and 60)::integer,
        person.*
    from person
    left join served
        on
            person.household_id = served.household_id
            and person.person_no = served.person_no
            and person.period_code = served.period_code
            and served.policy_group_code = 'vocational_training'
    where
        person.class_code = 'poor'
        and (person.needs_vocational_training and person.age between 15 and 60) is not false
    union all
    select
        'legal_aid_coverage',
        (person.needs_legal_aid and served.household_id is not null)::integer,
        person.needs_legal_aid::integer,
        person.*
    from person
    left join served
        on
            person.household_id = served.household_id
            and person.person_no = served.person_no
            and person.period_code = served.period_code
            and served.policy_group_code = 'legal_aid'
    where
        person.class_code = 'poor'
        and person.needs_legal_aid is not false
    union all
    select
        'social_assistance_coverage',
        (person.is_social_assistance_beneficiary and served.household_id is not null)::integer,
        person.is_social_assistance_beneficiary::integer,
        person.*
    from person
    left join served
        on
            person.household_id = served.household_id
            and person.person_no = served.person_no
            and person.period_code = served.period_code
            and served.policy_group_code = 'social_assistance'
    where
        person.class_code = 'poor'
        and person.is_social_assistance_beneficiary is not false
)

select
    {{ indicator_row(
        "'household_member'",
        standard_code='figure.standard_code',
        household_code='figure.household_code',
        person_no='figure.person_no',
    ) }}
from figure
