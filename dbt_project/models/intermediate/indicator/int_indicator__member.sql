-- Who was served in the year: a support without the number of the person serves nobody that can be told.
with served as (
    select
        support.household_code,
        support.person_no,
        support.period_year,
        bool_or(policy."group" = 'education') as has_education,
        bool_or(policy."group" = 'vocational_training') as has_vocational_training,
        bool_or(policy."group" = 'legal_aid') as has_legal_aid,
        bool_or(policy."group" = 'social_assistance') as has_social_assistance
    from {{ ref('int_support__case') }} as support
    inner join {{ ref('support_policy') }} as policy on support.policy_code = policy.code
    where
        support.status_code = 'delivered'
        and support.person_no is not null
    group by support.household_code, support.person_no, support.period_year
),

-- In a year under two standards a person is of both, each time of the class of the household there.
person as (
    select
        review.period_code,
        review.standard_code,
        review.commune_code,
        review.class_code = 'poor' as is_poor,
        member.has_health_insurance,
        member.is_studying,
        member.needs_vocational_training and member.age between 15 and 60 as needs_vocational_training,
        member.needs_legal_aid,
        member.is_social_assistance_beneficiary,
        coalesce(served.has_education, false) as has_education,
        coalesce(served.has_vocational_training, false) as has_vocational_training,
        coalesce(served.has_legal_aid, false) as has_legal_aid,
        coalesce(served.has_social_assistance, false) as has_social_assistance
    from {{ ref('int_household__reviewed') }} as review
    inner join {{ ref('int_member__person') }} as member
        on
            review.household_code = member.household_code
            and review.review_year = member.review_year
    left join served
        on
            member.household_code = served.household_code
            and member.person_no = served.person_no
            and member.review_year = served.period_year
    where review.class_code in ('poor', 'near_poor')
),

counted as (
    select
        period_code,
        standard_code,
        commune_code,
        count(*) filter (where is_poor) as poor_count,
        -- a flag that a layout does not have is not known
        {{ sum_if_all_known('has_health_insurance::integer', 'is_poor') }} as insured_count,
        {{ sum_if_all_known('is_studying::integer', 'true') }} as studying_count,
        {{ sum_if_all_known('(is_studying and has_education)::integer', 'true') }} as studying_served_count,
        {{ sum_if_all_known('needs_vocational_training::integer', 'is_poor') }} as training_count,
        {{ sum_if_all_known('(needs_vocational_training and has_vocational_training)::integer', 'is_poor') }}
            as training_served_count,
        {{ sum_if_all_known('needs_legal_aid::integer', 'is_poor') }} as legal_aid_count,
        {{ sum_if_all_known('(needs_legal_aid and has_legal_aid)::integer', 'is_poor') }} as legal_aid_served_count,
        {{ sum_if_all_known('is_social_assistance_beneficiary::integer', 'is_poor') }} as assistance_count,
        {{ sum_if_all_known('(is_social_assistance_beneficiary and has_social_assistance)::integer', 'is_poor') }}
            as assistance_served_count
    from person
    group by period_code, standard_code, commune_code
)

select
    figure.indicator_code,
    commune.period_code,
    commune.standard_code,
    commune.commune_code,
    commune.district_code,
    commune.province_code,
    commune.reporting_unit_code,
    '' as breakdown_code,
    figure.support_code,
    case
        when not commune.is_known then null
        when counted.commune_code is null then 0
        else figure.numerator
    end::numeric as numerator,
    case when counted.commune_code is null then 0 else figure.denominator end::numeric as denominator
from {{ ref('int_household__by_commune') }} as commune
left join counted
    on
        commune.period_code = counted.period_code
        and commune.standard_code = counted.standard_code
        and commune.commune_code = counted.commune_code
cross join lateral (
    values
    ('health_insurance_coverage', '', counted.insured_count, counted.poor_count),
    ('tuition_support_coverage', 'education', counted.studying_served_count, counted.studying_count),
    ('vocational_support_coverage', 'vocational_training', counted.training_served_count, counted.training_count),
    ('legal_aid_coverage', 'legal_aid', counted.legal_aid_served_count, counted.legal_aid_count),
    ('social_assistance_coverage', 'social_assistance', counted.assistance_served_count, counted.assistance_count)
) as figure (indicator_code, support_code, numerator, denominator)
