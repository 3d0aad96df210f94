with two_level as (
    select
        min(valid_from) as begins_on,
        extract(year from min(valid_from))::integer as begins_in_year
    from {{ ref('dim_admin_unit') }}
    where system = 'two_level'
),

last_before as (
    select distinct on (review.household_id)
        review.household_id,
        review.commune_code
    from {{ ref('int_household__reviewed') }} as review
    inner join two_level on review.period_end_on < two_level.begins_on
    order by review.household_id, review.review_year desc, review.standard_code
),

first_after as (
    select distinct on (review.household_id)
        review.household_id,
        review.commune_code
    from {{ ref('int_household__reviewed') }} as review
    inner join two_level on review.period_end_on >= two_level.begins_on
    order by review.household_id, review.review_year, review.standard_code
),

followed as (
    select
        last_before.commune_code as old_commune_code,
        first_after.commune_code as new_commune_code,
        count(*) as household_count
    from last_before
    inner join first_after on last_before.household_id = first_after.household_id
    group by last_before.commune_code, first_after.commune_code
),

listed_after as (
    select distinct commune.commune_code
    from {{ ref('int_household__by_commune') }} as commune
    inner join two_level on commune.review_year >= two_level.begins_in_year
    where commune.is_known
),

-- What the list of successors tells, and beside it where the households of a commune went that it does not know.
part as (
    select
        successor.old_commune_code,
        successor.new_commune_code,
        successor.how = 'whole' as is_whole,
        successor.is_main_part,
        coalesce(followed.household_count, 0) as household_count,
        -- households tell the shares only if each part could have had them on its list
        bool_and(listed_after.commune_code is not null) over old_commune as is_every_part_listed
    from {{ ref('bridge_admin_unit_successor') }} as successor
    left join followed
        on
            successor.old_commune_code = followed.old_commune_code
            and successor.new_commune_code = followed.new_commune_code
    left join listed_after on successor.new_commune_code = listed_after.commune_code
    window old_commune as (partition by successor.old_commune_code)
    union all
    select
        followed.old_commune_code,
        followed.new_commune_code,
        false,
        row_number() over (
            partition by followed.old_commune_code
            order by followed.household_count desc, followed.new_commune_code
        ) = 1,
        followed.household_count,
        true
    from followed
    left join {{ ref('bridge_admin_unit_successor') }} as successor
        on followed.old_commune_code = successor.old_commune_code
    where successor.old_commune_code is null
),

based as (
    select
        *,
        sum(household_count) over (partition by old_commune_code) as followed_count,
        case
            when is_whole then 'whole'
            when is_every_part_listed and sum(household_count) over (partition by old_commune_code) > 0
                then 'households_followed'
            else 'main_part'
        end as share_basis_code
    from part
),

-- Six decimals, and the main part takes what is left, so that shares sum to 1 and totals to themselves.
shared as (
    select
        *,
        case
            when is_main_part then null
            when share_basis_code = 'households_followed' then trunc(household_count / followed_count, 6)
            else 0
        end as share_of_other_part
    from based
)

select
    old_commune_code,
    new_commune_code,
    coalesce(
        share_of_other_part, trim_scale(1 - coalesce(sum(share_of_other_part) over (partition by old_commune_code), 0))
    ) as share,
    share_basis_code,
    household_count as followed_household_count
from shared
