-- The class of the household in force on the day does not entitle it to the policy. The day is that of delivery; of a
-- case not delivered the last of the period. In force is the class of that year's review and, until it is accepted, of
-- the last one before; of a year under two standards, that of the earlier (as intermediate.int_household__version).
-- Not judged: a household in no review so far, and a case refused.
with support as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.household_code,
        b.policy_code,
        coalesce(b.delivered_on, b.period_end) as day,
        extract(year from coalesce(b.delivered_on, b.period_end)) as support_year
    from {batch} as b
    where b.status <> 'refused'
),

class_in_year as (
    select distinct on (wanted.household_code, wanted.support_year)
        wanted.household_code,
        wanted.support_year,
        review.class_reported as class_code
    from (
        select distinct
            household_code,
            support_year
        from support
    ) as wanted
    inner join accepted.household_review as review
        on
            wanted.household_code = review.household_code
            and wanted.support_year >= extract(year from review.period_end)
    order by
        wanted.household_code,
        wanted.support_year,
        review.period_end desc,
        review.standard_code,
        review.submission_id desc,
        review.row_number
)

select
    support.submission_id,
    support.sheet_name,
    support.row_number,
    'policy_code' as column_name,
    support.policy_code as value,
    support.household_code,
    case class_in_year.class_code
        when 'poor' then 'Hộ nghèo'
        when 'near_poor' then 'Hộ cận nghèo'
        else 'Hộ không nghèo'
    end as class_name_vi,
    case class_in_year.class_code
        when 'poor' then 'poor'
        when 'near_poor' then 'near-poor'
        else 'not poor'
    end as class_name_en,
    support.day,
    policy.name_vi as policy_vi,
    policy.name_en as policy_en
from support
inner join class_in_year
    on
        support.household_code = class_in_year.household_code
        and support.support_year = class_in_year.support_year
inner join reference.support_policy as policy on support.policy_code = policy.code
where class_in_year.class_code <> all(string_to_array(policy.for_class, '|'))
